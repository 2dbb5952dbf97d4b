/** What delivery counts and measures. */
import type { Metrics } from '../../runtime/metrics.ts'
import type { AttemptResult } from './attempt.ts'
import type { Channel, Push } from './channel.ts'

export interface DeliveryMetrics {
  pushed(channel: Channel['name'], outcome: Push['outcome']): void
  /** How long a try took, and what became of it. */
  tried(result: AttemptResult['kind'] | 'error', seconds: number): void
  jobs(counts: Readonly<Record<string, number>>): void
}

export function createDeliveryMetrics(
  metrics: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>,
): DeliveryMetrics {
  const attempts = metrics.counter(
    'triptick_delivery_attempts_total',
    'Tries to reach a person, by channel and outcome.',
    ['channel', 'outcome'],
  )
  const seconds = metrics.histogram(
    'triptick_delivery_job_seconds',
    'How long one run of a delivery job took, by what became of it.',
    ['result'],
  )
  const jobs = metrics.gauge('triptick_delivery_jobs', 'Delivery jobs, by state.', ['state'])
  return {
    pushed: (channel, outcome) => attempts.inc({ channel, outcome }),
    tried: (result, duration) => seconds.observe({ result }, duration),
    jobs(counts) {
      for (const [state, count] of Object.entries(counts)) jobs.set({ state }, count)
    },
  }
}

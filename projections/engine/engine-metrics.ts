/** What an engine reports to Prometheus. Measures nothing itself. */
import type { Metrics } from '../../runtime/metrics.ts'
import type { Lane } from './lane.ts'

export interface EngineMetrics {
  stored(lane: Lane, events: number, seconds: number): void
  retried(lane: Lane): void
  parked(conversations: number): void
  /** Seconds since the newest folded event, 0 when caught up. */
  lag(lane: Lane, seconds: number): void
}

export function createEngineMetrics(metrics: Metrics): EngineMetrics {
  const events = metrics.counter('triptick_projection_events_total', 'Events folded into the read models.', [
    'lane',
  ])
  const batches = metrics.histogram(
    'triptick_projection_batch_seconds',
    'Duration of a transaction of a lane.',
    ['lane'],
  )
  const sizes = metrics.histogram(
    'triptick_projection_batch_events',
    'Events in a transaction of a lane.',
    ['lane'],
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
  )
  const retries = metrics.counter(
    'triptick_projection_retries_total',
    'Transactions tried again after a passing failure.',
    ['lane'],
  )
  const queued = metrics.gauge(
    'triptick_projection_queued_events',
    'Events in memory, read and not yet folded.',
    ['lane'],
  )
  const lag = metrics.gauge('triptick_projection_lag_seconds', 'How far a lane is behind the ledger.', [
    'lane',
  ])
  const parked = metrics.gauge(
    'triptick_projection_parked_conversations',
    'Conversations with an event that could not be applied.',
  )
  return {
    stored({ lane, queued: waiting }, count, seconds) {
      const label = { lane: String(lane) }
      queued.set(label, waiting)
      if (count === 0) return
      events.inc(label, count)
      batches.observe(label, seconds)
      sizes.observe(label, count)
    },
    retried: ({ lane }) => retries.inc({ lane: String(lane) }),
    parked: (conversations) => parked.set(conversations),
    lag: ({ lane }, seconds) => lag.set({ lane: String(lane) }, seconds),
  }
}

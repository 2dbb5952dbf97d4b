/** A ledger that counts and times its appends. Changes nothing of what they do. */
import type { Metrics } from '../runtime/metrics.ts'
import type { Ledger } from './ledger.ts'

export function measureAppends(ledger: Ledger, metrics: Metrics): Ledger {
  const seconds = metrics.histogram(
    'triptick_ledger_append_seconds',
    'Time of an append until its outcome.',
    ['outcome'],
  )
  const events = metrics.histogram(
    'triptick_ledger_append_events',
    'Events of one append.',
    [],
    [1, 2, 5, 10, 20, 50, 100, 200, 500],
  )
  return {
    ...ledger,
    append: async (stream, batch, expected) => {
      const began = performance.now()
      const outcome = await ledger.append(stream, batch, expected)
      seconds.observe({ outcome: outcome.kind }, (performance.now() - began) / 1000)
      events.observe(batch.length)
      return outcome
    },
  }
}

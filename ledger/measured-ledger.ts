/** A ledger that counts and times its appends, and does not answer a ping while they do not get through. Changes nothing of what they do. */
import type { Metrics } from '../runtime/metrics.ts'
import type { Ledger } from './ledger.ts'

/** After one that failed it is doubted this long, unless another gets through: so that who asks nothing of it is tried again. */
const DOUBTED_MS = 10_000
/** Far longer than an append takes under any load. */
const STUCK_MS = 5_000

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
  /** In the order in which they began. */
  const underWay = new Set<{ readonly began: number }>()
  /** When the last one failed, unless one got through since. */
  let failedAt = Number.NEGATIVE_INFINITY

  function getThrough(): boolean {
    const now = performance.now()
    const [oldest] = underWay
    return now - failedAt > DOUBTED_MS && (oldest === undefined || now - oldest.began < STUCK_MS)
  }

  return {
    ...ledger,
    append: async (stream, batch, expected) => {
      const append = { began: performance.now() }
      underWay.add(append)
      try {
        const outcome = await ledger.append(stream, batch, expected)
        const now = performance.now()
        seconds.observe({ outcome: outcome.kind }, (now - append.began) / 1000)
        events.observe(batch.length)
        if (outcome.kind === 'written' || outcome.kind === 'conflict') failedAt = Number.NEGATIVE_INFINITY
        // What is refused for good says something of these events, and nothing of the ledger.
        else if (outcome.kind === 'ambiguous' || outcome.retryable) failedAt = now
        return outcome
      } finally {
        underWay.delete(append)
      }
    },
    ping: async () => {
      if (!getThrough()) throw new Error('appends do not get through')
      await ledger.ping()
    },
  }
}

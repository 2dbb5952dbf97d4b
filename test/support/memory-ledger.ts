/** A ledger that holds given events in memory and hands them out. Only what a reader needs: nothing can be appended to it. */
import {
  BEGINNING,
  type Followed,
  type Ledger,
  type Position,
  type ReadAllOptions,
  type RecordedEvent,
} from '../../ledger/ledger.ts'

export interface MemoryLedger extends Ledger {
  /** Adds events at the end, as if they had just been appended. */
  add(events: readonly RecordedEvent[]): void
}

/** @param pageSize events in one step of a subscription. */
export function createMemoryLedger(initial: readonly RecordedEvent[] = [], pageSize = 500): MemoryLedger {
  const events: RecordedEvent[] = [...initial]
  const waiting = new Set<() => void>()
  const ring = () => {
    for (const wake of waiting) wake()
    waiting.clear()
  }
  const head = () => events.at(-1)?.position ?? BEGINNING

  /** Index of the first event after a position; positions are sorted. */
  function indexAfter(position: Position): number {
    let low = 0
    let high = events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((events[middle] as RecordedEvent).position > position) high = middle
      else low = middle + 1
    }
    return low
  }

  function rungOr(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  const matches = (event: RecordedEvent, prefixes: readonly string[] | undefined): boolean =>
    prefixes?.some((prefix) => event.stream.startsWith(prefix)) ?? true

  return {
    name: 'postgres',
    add(more) {
      events.push(...more)
      ring()
    },
    append: () => Promise.reject(new Error('nothing can be appended to this ledger')),
    async *readStream(stream, { from = 0, limit = Number.POSITIVE_INFINITY, direction } = {}) {
      if (direction === 'backwards') throw new Error('this ledger only reads forwards')
      const found = events.filter((event) => event.stream === stream && event.revision >= from)
      yield* found.slice(0, limit)
    },
    async *readAll({ after = BEGINNING, prefixes, limit = Number.POSITIVE_INFINITY }: ReadAllOptions = {}) {
      const found = events.slice(indexAfter(after)).filter((event) => matches(event, prefixes))
      yield* found.slice(0, limit)
    },
    async *subscribe({ after, prefixes, signal }): AsyncGenerator<Followed> {
      let position = after === 'end' ? head() : after
      while (!signal.aborted) {
        const start = indexAfter(position)
        const page = events.slice(start, start + pageSize)
        const last = page.at(-1)
        if (!last) {
          yield { kind: 'caught-up' }
          if (head() > position) continue
          await rungOr(signal)
          continue
        }
        position = last.position
        const found = page.filter((event) => matches(event, prefixes))
        // As over a network: whoever reads does not run ahead in the same tick.
        await new Promise((resolve) => setImmediate(resolve))
        if (found.length > 0 && !signal.aborted) yield { kind: 'events', events: found }
      }
    },
    head: async () => head(),
    ping: async () => {},
    close: async () => {},
  }
}

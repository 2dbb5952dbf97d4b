/** The one reader of an engine run: from the ledger's subscription into the lanes, no faster than they fold. Writes nothing. */
import type { Ledger, Position } from '../../ledger/ledger.ts'
import { PROJECTED_PREFIXES } from '../../ledger/streams.ts'
import type { Lanes } from './lanes.ts'

export interface ReaderDeps {
  readonly ledger: Ledger
  readonly lanes: Lanes
  /** The lowest position of the lanes. */
  readonly after: Position
  /** Events in memory, at most, beside the page that the subscription holds. */
  readonly queueEvents: number
  /** Between two reads, while there is little to read. */
  readonly paceMs: number
  readonly signal: AbortSignal
  /** Everything that was there has been handed over. */
  onLive(): void
  /** Asked before every page; a rebuild waits here while the live projection is behind. */
  readonly throttle?: () => Promise<void>
}

export interface Reader {
  /** All that was there when the subscription last said so has been handed over. */
  readonly live: boolean
  /** Resolves once `signal` has aborted; rejects when the subscription ends or fails for good. */
  run(): Promise<void>
  /** To be called after every transaction of a lane: there may be room again. */
  drain(): void
}

export function createReader(deps: ReaderDeps): Reader {
  const { ledger, lanes, after, queueEvents, paceMs, signal, throttle } = deps
  let live = false
  let resume = () => {}

  async function room(): Promise<void> {
    while (lanes.queued >= queueEvents && !signal.aborted) {
      await new Promise<void>((resolve) => {
        resume = resolve
      })
    }
  }
  signal.addEventListener('abort', () => resume(), { once: true })

  return {
    get live() {
      return live
    },
    async run() {
      for await (const step of ledger.subscribe({ after, prefixes: PROJECTED_PREFIXES, paceMs, signal })) {
        if (signal.aborted) return
        if (step.kind === 'caught-up') {
          live = true
          lanes.settle()
          deps.onLive()
          continue
        }
        await room()
        await throttle?.()
        lanes.dispatch(step.events)
      }
      if (!signal.aborted) throw new Error('the subscription to the ledger ended by itself')
    },
    drain() {
      // Half empty, so that the reader wakes once for many batches.
      if (lanes.queued <= queueEvents / 2) resume()
    },
  }
}

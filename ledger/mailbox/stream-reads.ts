/**
 * How many streams the mailboxes of a process read at once. Anybody may name ids that nobody has named before, a token each:
 * at 4,000 a second their statements took every connection of the pool, and log-ins and catching up failed behind them.
 *
 * Loading waits in a bounded line. Refreshing waits in the same line and is always taken: a lane does it once at a time, and
 * there are no more lanes than are in memory.
 */
import { createLine } from '../../runtime/line.ts'

export interface StreamReads {
  /** @throws TooManyReads where too many wait; nothing was read. */
  load<T>(read: () => Promise<T>): Promise<T>
  refresh<T>(read: () => Promise<T>): Promise<T>
}

/** More waits to be read than would be read soon. Coming again later is safe. */
export class TooManyReads extends Error {
  override readonly name = 'TooManyReads'
}

/** Of the pool's 10 connections. On a busy machine of 2 cores 1,000 conversations a second are loaded so, by all 10 of them 1,400. */
const AT_ONCE = 6
/**
 * The last waits for some four seconds; a client gives up after ten. Few enough for memory (8 KB each), and enough for what a
 * node loads after a start: receipts that are refused then are ticks that come late.
 */
const MOST_WAITING = 4_000

export function createStreamReads(atOnce = AT_ONCE, mostWaiting = MOST_WAITING): StreamReads {
  const line = createLine(atOnce)
  return {
    load: async (read) => {
      if (line.waiting >= mostWaiting) throw new TooManyReads('too many streams wait to be read')
      return line.inTurn(read)
    },
    refresh: line.inTurn,
  }
}

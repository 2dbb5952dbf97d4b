/** Reads of one stream, and of the end of the ledger. In pages, so that memory is bounded and a cut costs one page at most. */

import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  type ReadRevision,
  type ResolvedEvent,
  START,
  type StreamingRead,
  StreamNotFoundError,
} from '@eventstore/db-client'
import {
  BEGINNING,
  type Position,
  type ReadStreamOptions,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../ledger.ts'
import { decode, isSystemStream, positionOf } from './decode.ts'
import { batches } from './drain.ts'
import { type Backoff, delayOf, isTransient, NoAnswerError, pause } from './retry.ts'

/** Events asked for in one call; the server reads them 32 by 32 whatever is asked (`Enumerator.DefaultReadBatchSize`). */
const PAGE = 512
const ATTEMPTS = 5

export interface ReadDeps {
  readonly client: () => EventStoreDBClient
  /** Milliseconds within which the server has to send something while it is waited for. */
  readonly timeoutMs: number
  readonly backoff: Backoff
  readonly closed: AbortSignal
}

/** One call. Cancelled when it is left early: a call that is merely dropped holds one of the connection's 100. */
async function* page(read: StreamingRead<ResolvedEvent>, timeoutMs: number): AsyncGenerator<ResolvedEvent[]> {
  // An error that comes when nobody is listening any more would end the process.
  read.on('error', () => {})
  const overdue = () => read.destroy(new NoAnswerError(`no answer to a read within ${timeoutMs} ms`))
  let timer = setTimeout(overdue, timeoutMs)
  try {
    for await (const batch of batches(read, PAGE)) {
      clearTimeout(timer)
      yield batch
      timer = setTimeout(overdue, timeoutMs)
    }
  } finally {
    clearTimeout(timer)
    read.cancel().catch(() => {})
  }
}

export async function* readStream(
  deps: ReadDeps,
  stream: StreamName,
  { direction = FORWARDS, from, limit = Number.POSITIVE_INFINITY }: ReadStreamOptions,
): AsyncGenerator<RecordedEvent> {
  const step = direction === FORWARDS ? 1 : -1
  if (step < 0 && from !== undefined && from < 0) return
  let next: ReadRevision = from === undefined ? (step > 0 ? START : END) : BigInt(Math.max(0, from))
  let left = limit
  let failures = 0
  while (left > 0) {
    const asked = Math.min(PAGE, left)
    let got = 0
    try {
      const options = { direction, fromRevision: next, maxCount: asked, requiresLeader: true }
      for await (const batch of page(
        deps.client().readStream(stream, options, { highWaterMark: PAGE }),
        deps.timeoutMs,
      )) {
        for (const resolved of batch) {
          const event = decode(resolved)
          got++
          if (event === undefined) continue
          left--
          failures = 0
          // Before the yield: what has been handed over is not read again, whatever happens then.
          next = event.revision + step < 0 ? END : BigInt(event.revision + step)
          yield event
          if (step < 0 && event.revision === 0) return
        }
      }
      if (got < asked) return
    } catch (error) {
      if (error instanceof StreamNotFoundError) return
      if (!isTransient(error) || ++failures >= ATTEMPTS || deps.closed.aborted) throw error
      await pause(delayOf(deps.backoff, failures), deps.closed)
    }
  }
}

/** Position of an event, if it has the id that is expected there. */
export async function locate(
  deps: ReadDeps,
  stream: StreamName,
  revision: Revision,
  id: string,
): Promise<Position | undefined> {
  for await (const event of readStream(deps, stream, { from: revision, limit: 1 })) {
    if (event.revision === revision && event.id.toLowerCase() === id.toLowerCase()) return event.position
  }
  return undefined
}

/**
 * Position of the last event that is not in a system stream. Read backwards a position is exclusive (`AllReader.cs`: it is a
 * post-position there), so that pages follow on each other without an overlap.
 */
export async function head(deps: ReadDeps): Promise<Position> {
  for (let failures = 0; ; ) {
    try {
      return await lastPosition(deps)
    } catch (error) {
      if (!isTransient(error) || ++failures >= ATTEMPTS || deps.closed.aborted) throw error
      await pause(delayOf(deps.backoff, failures), deps.closed)
    }
  }
}

/** As `head`, in one attempt. */
export async function lastPosition({ client, timeoutMs }: ReadDeps): Promise<Position> {
  // Nearly always the very first event will do: the calls are small, and grow only past many system events.
  for (
    let maxCount = 8, fromPosition: Parameters<EventStoreDBClient['readAll']>[0] = { fromPosition: END };
    ;
  ) {
    let last: ResolvedEvent | undefined
    const read = client().readAll({ ...fromPosition, direction: BACKWARDS, maxCount, requiresLeader: true })
    for await (const batch of page(read, timeoutMs)) {
      for (const resolved of batch) {
        last = resolved
        if (last.event !== undefined && !isSystemStream(last.event.streamId)) return positionOf(last.event)
      }
    }
    if (last?.event?.position === undefined) return BEGINNING
    fromPosition = { fromPosition: last.event.position }
    maxCount = PAGE
  }
}

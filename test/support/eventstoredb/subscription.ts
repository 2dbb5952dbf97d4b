/** A subscription to $all: catching up in pages, then live from a buffer of 32 that drops. Sends; never decides where to start. */

import { randomUUID } from 'node:crypto'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { drained } from './drained.ts'
import type { Log, Recorded } from './log.ts'
import { caughtUpMessage, checkpointMessage, confirmationMessage, eventMessage } from './messages.ts'

/** `DefaultReadBatchSize` and `DefaultLiveBufferSize` of the server's `Enumerator.cs`: fixed, for every subscription. */
export const PAGE = 32
const LIVE_BUFFER = 32

export interface Follow {
  readonly log: Log
  /** Index of the first event to consider. */
  readonly from: number
  readonly matches: (event: Recorded) => boolean
  /** Considered events between two checkpoints; 0 for none, as without a filter. */
  readonly checkpointEvery: number
  /** Ends the subscription when aborted. */
  readonly signal: AbortSignal
  /** Resolves when the server may send. */
  readonly thawed: () => Promise<void> | undefined
  readonly onEvent: () => void
}

export async function followAll(call: ServerWritableStream<unknown, Buffer>, follow: Follow): Promise<void> {
  const { log, matches, checkpointEvery, signal, thawed, onEvent } = follow
  let cursor = follow.from
  let considered = 0
  // Matching events that came since the cursor was at the end: what the real server holds in its live buffer.
  let buffered = 0
  let wake = () => {}

  const stop = log.listen((first) => {
    for (let index = first; index < log.events.length; index++) {
      const event = log.events[index]
      if (event !== undefined && matches(event)) buffered++
    }
    wake()
  })
  signal.addEventListener('abort', () => wake())

  const send = async (message: Buffer): Promise<void> => {
    const frozen = thawed()
    if (frozen !== undefined) await frozen
    if (signal.aborted || call.cancelled) return
    if (!call.write(message)) await drained(call)
  }
  const moved = () =>
    new Promise<void>((resolve) => {
      wake = resolve
      if (signal.aborted) resolve()
    })
  const checkpoint = async () => {
    const last = log.events[cursor - 1]
    if (checkpointEvery > 0 && last !== undefined) await send(checkpointMessage(last.position))
  }
  /** Moves on by one event; true if it was sent. */
  const step = async (): Promise<boolean> => {
    const event = log.events[cursor++]
    const sent = event !== undefined && matches(event)
    if (sent) {
      onEvent()
      await send(eventMessage(event))
    }
    if (++considered >= checkpointEvery && checkpointEvery > 0) {
      considered = 0
      await checkpoint()
    }
    return sent
  }

  try {
    await send(confirmationMessage(randomUUID()))
    while (!signal.aborted) {
      const behind = cursor < log.events.length
      while (cursor < log.events.length && !signal.aborted) await step()
      buffered = 0
      if (behind) await checkpoint()
      await send(caughtUpMessage())
      // Live, until more is buffered than fits and the oldest are dropped: then back to the pages of the log. Clients
      // are not told of it (`SubscriptionFellBehind` is "currently not sent to clients"); they see `caughtUp` again.
      while (buffered <= LIVE_BUFFER && !signal.aborted) {
        if (cursor === log.events.length) await moved()
        else if (await step()) buffered--
      }
      if (!signal.aborted) await checkpoint()
    }
  } finally {
    stop()
  }
}

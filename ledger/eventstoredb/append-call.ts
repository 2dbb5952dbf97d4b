/**
 * One BatchAppend call: appends go out one behind another, and replies come back in any order, by correlation id. Owns what
 * waits for a reply, and for how long; knows nothing of what is appended, nor of connecting.
 *
 * The client package makes this call too, in `appendToStream`. Its connection is used here, but not that function. Read in
 * @eventstore/db-client 6.2.1, `dist/streams/appendToStream/batchAppend.js`:
 * - the promises of all appends of a process are kept in one module-global map. An error on the call of any client rejects
 *   and forgets them all; a reply that comes after that for an append of another client is a TypeError inside a 'data'
 *   listener, which nobody can catch: the process ends (`test/ledger/eventstoredb/client.test.ts`).
 * - appends that wait for 'drain' when the call fails are rejected inside an async promise executor: an unhandled rejection,
 *   which also ends the process. (Seen with 300 appends of 300 KB: 284 of them, and none ever settled.)
 * - a call that the server ends without an error stays in use: what is written to it goes nowhere.
 * - an append of one event costs 260 µs of CPU, of two 430; here 84 and 128 (400 writers, against the simulator on an AMD
 *   EPYC; `append-request.ts` says why).
 *
 * gRPC writes one message of a call in a turn of the event loop. Four calls that appends take in turns were tried: bare appends
 * rose from 5,000/s to 9,000/s, but the command path, which has enough to do in every turn, stayed where it was (318 to 333
 * µs of CPU a message with one call, 326 to 334 with four).
 */

import type { AppendOutcome, EventToAppend, Revision, StreamName } from '../ledger.ts'
import { outcomeOfEnd, type Reply } from './append-outcome.ts'
import type { Answer } from './append-reply.ts'
import { encodeRequest } from './append-request.ts'
import { correlationOf } from './correlation.ts'

/** The part of the gRPC call that is used here. */
export interface Duplex {
  on(event: 'data', listener: (answer: Answer) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  write(request: Buffer): boolean
  destroy(error: Error): void
}

export interface AppendCall {
  readonly open: boolean
  /** `ambiguous` after so many milliseconds, and when the call ends before the reply. */
  append(
    stream: StreamName,
    events: readonly EventToAppend[],
    expected: Revision,
    timeoutMs: number,
  ): Promise<Reply>
}

/**
 * What the server is told to be its deadline: a moment by the clock of this machine (`deadline_21_10_0`, a Timestamp), so a
 * server whose clock is ahead by more answers every append with Timeout. Hence far more than our own timeout, which is what counts.
 */
const SERVER_DEADLINE_MS = 60_000

export function createAppendCall(duplex: Duplex): AppendCall {
  const waiting = new Map<number, (reply: Reply) => void>()
  let ended: AppendOutcome | undefined
  let last = 0

  function settle(number: number, reply: Reply): void {
    // What comes after its timeout is dropped: the append has been called ambiguous already.
    waiting.get(number)?.(reply)
    waiting.delete(number)
  }

  duplex.on('data', ({ number, reply }) => settle(number, reply))
  duplex.on('end', () => {
    // An end with an error says so by itself.
    setImmediate(() => {
      if (ended === undefined) duplex.destroy(new Error('the server ended the call of appends'))
    })
  })
  duplex.on('error', (error) => {
    ended = outcomeOfEnd(error)
    for (const number of waiting.keys()) settle(number, ended)
  })

  return {
    get open() {
      return ended === undefined
    },
    append: (stream, events, expected, timeoutMs) =>
      new Promise((resolve) => {
        const number = ++last
        const timer = setTimeout(() => {
          settle(number, { kind: 'ambiguous', cause: new Error('the ledger did not answer in time') })
        }, timeoutMs)
        waiting.set(number, (reply) => {
          clearTimeout(timer)
          resolve(reply)
        })
        const request = {
          correlationId: correlationOf(number),
          stream,
          expected,
          deadline: Date.now() + SERVER_DEADLINE_MS,
          events,
        }
        // Never "wait for drain": Node buffers either way, and how much is up to those who call append.
        if (ended === undefined) duplex.write(encodeRequest(request))
        else settle(number, { kind: 'refused', retryable: true, cause: new Error('the call has ended') })
      }),
  }
}

/**
 * Appending: one of four outcomes, in bounded time. Owns the timeout; never repeats an append by itself.
 *
 * What the server does with a repeat (KurrentDB 26.2, `IndexWriter.CheckCommit`, the same since 20.10): with an explicit
 * revision below the actual one it compares the ids with the events right behind that revision. All the same: success, with
 * revision and position of the original last event. Some: wrong expected version. It never looks further, so the same ids at
 * a correct newer revision are written twice. While the original is not replicated yet, a repeat is dropped without an answer.
 */

import { checkLimits } from '../append-limits.ts'
import {
  type AppendOutcome,
  type EventToAppend,
  NO_STREAM,
  type Position,
  type Revision,
  type StreamName,
} from '../ledger.ts'
import type { AppendConnection } from './client.ts'
import { isSystemStream } from './decode.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface AppendDeps {
  readonly connection: AppendConnection
  readonly timeoutMs: number
  /** Position of an event that is known to be there; `undefined` if it cannot be read, or has another id. */
  readonly locate: (stream: StreamName, revision: Revision, id: string) => Promise<Position | undefined>
}

export async function append(
  { connection, timeoutMs, locate }: AppendDeps,
  stream: StreamName,
  events: readonly EventToAppend[],
  expected: Revision,
): Promise<AppendOutcome> {
  checkUse(stream, events, expected)
  const deadline = Date.now() + timeoutMs

  // 1. Connect. Whatever goes wrong here, nothing has been sent.
  const open = connection.call()
  const connected = open instanceof Promise ? await settled(open, deadline) : done(open)
  if (connected.kind !== 'done') return { kind: 'refused', retryable: true, cause: connected.cause }

  // 2. Send, and wait for the reply.
  const left = Math.max(0, deadline - Date.now())
  const reply = await connected.value.append(stream, events, expected, left)
  if (reply.kind !== 'unplaced') return reply

  // 3. Look up what the reply does not say.
  const { revision } = reply
  const found = await settled(locate(stream, revision, events.at(-1)?.id ?? ''), deadline)
  if (found.kind === 'done' && found.value !== undefined)
    return { kind: 'written', revision, position: found.value }
  const cause =
    found.kind === 'done'
      ? new Error(`event ${revision} of ${stream} is not where it should be`)
      : found.cause
  return { kind: 'ambiguous', cause }
}

function checkUse(stream: StreamName, events: readonly EventToAppend[], expected: Revision): void {
  checkLimits(events)
  if (isSystemStream(stream)) throw new RangeError(`${stream} is the name of a system stream`)
  if (!Number.isSafeInteger(expected) || expected < NO_STREAM)
    throw new RangeError(`${expected} is no revision`)
  // The server answers "bad request" to the whole append; said here it names the event.
  for (const { id } of events) if (!UUID.test(id)) throw new RangeError(`the event id ${id} is no UUID`)
}

type Settled<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly cause: unknown }
  | { readonly kind: 'late'; readonly cause: Error }

const done = <T>(value: T): Settled<T> => ({ kind: 'done', value })

/** Waits until the deadline and no longer. What comes later is dropped; a later rejection counts as handled. */
function settled<T>(promise: Promise<T>, deadline: number): Promise<Settled<T>> {
  return new Promise((resolve) => {
    const late = () => resolve({ kind: 'late', cause: new Error('the ledger did not answer in time') })
    const timer = setTimeout(late, Math.max(0, deadline - Date.now()))
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(done(value))
      },
      (cause: unknown) => {
        clearTimeout(timer)
        resolve({ kind: 'failed', cause })
      },
    )
  })
}

/**
 * Appending: one of four outcomes, in bounded time. Owns the timeout; never repeats an append by itself.
 *
 * What the server does with a repeat (KurrentDB 26.2, `IndexWriter.CheckCommit`, the same since 20.10): with an explicit
 * revision below the actual one it compares the ids with the events right behind that revision. All the same: success, with
 * revision and position of the original last event. Some: wrong expected version. It never looks further, so the same ids at
 * a correct newer revision are written twice. While the original is not replicated yet, a repeat is dropped without an answer.
 *
 * The reply carries the position of the last event of the append, as commit and as prepare (`WriteEvents.ClientSuccessMsg`,
 * "not technically correct, but matches current behavior"; `StorageChaser.ProcessPrepareRecord` reports the record with the
 * TransactionEnd flag). It carries none when the original of a repeat cannot be read (`BatchAppendResp.Success.Completed`).
 */

import { type AppendResult, jsonEvent, NO_STREAM as NO_STREAM_YET } from '@eventstore/db-client'
import { checkLimits } from '../append-limits.ts'
import {
  type AppendOutcome,
  type EventToAppend,
  NO_STREAM,
  type Position,
  type Revision,
  type StreamName,
} from '../ledger.ts'
import { outcomeOf } from './append-outcome.ts'
import type { AppendConnection } from './client.ts'
import { isSystemStream } from './decode.ts'

/**
 * What the server is told to be its deadline: a moment by the clock of this machine (`deadline_21_10_0`, a Timestamp), so a
 * server whose clock is ahead by more answers every append with Timeout. Hence far more than our own timeout, which is what counts.
 */
const SERVER_DEADLINE_MS = 60_000

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
  const connected = await settled(connection.ready(), deadline)
  if (connected.kind !== 'done') return { kind: 'refused', retryable: true, cause: connected.cause }

  // 2. Send, and wait for the reply. `throwOnAppendFailure` is on: a failure is thrown, with the actual revision in it.
  const sent = connected.value.appendToStream(stream, events.map(toClient), {
    expectedRevision: expected === NO_STREAM ? NO_STREAM_YET : BigInt(expected),
    requiresLeader: true,
    deadline: SERVER_DEADLINE_MS,
  })
  const replied = await settled(sent, deadline)
  if (replied.kind === 'failed') return outcomeOf(replied.cause)
  if (replied.kind === 'late') return { kind: 'ambiguous', cause: replied.cause }

  // 3. Read the reply.
  const { nextExpectedRevision, position } = replied.value
  const revision = Number(nextExpectedRevision) as Revision
  const known = positionIn(position)
  if (known !== undefined) return { kind: 'written', revision, position: known }
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

const toClient = ({ id, type, data, metadata }: EventToAppend) =>
  // The client writes data from objects only; metadata it takes as they are.
  jsonEvent({
    id,
    type,
    data: JSON.parse(data) as Record<string, unknown>,
    metadata: Uint8Array.from(Buffer.from(metadata)),
  })

/** A reply whose two positions differ would come from an explicit transaction, which this never starts: read it back. */
const positionIn = (position: AppendResult['position']): Position | undefined =>
  position !== undefined && position.commit === position.prepare ? (position.commit as Position) : undefined

type Settled<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly cause: unknown }
  | { readonly kind: 'late'; readonly cause: Error }

/** Waits until the deadline and no longer. What comes later is dropped; a later rejection counts as handled. */
function settled<T>(promise: Promise<T>, deadline: number): Promise<Settled<T>> {
  return new Promise((resolve) => {
    const late = () => resolve({ kind: 'late', cause: new Error('the ledger did not answer in time') })
    const timer = setTimeout(late, Math.max(0, deadline - Date.now()))
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve({ kind: 'done', value })
      },
      (cause: unknown) => {
        clearTimeout(timer)
        resolve({ kind: 'failed', cause })
      },
    )
  })
}

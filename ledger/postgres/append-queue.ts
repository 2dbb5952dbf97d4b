/**
 * Group commit: appends that wait at the same time are written in one transaction, so that a batch of hundreds costs one
 * round trip and one fsync. Owns the one connection that writes; never retries an append whose outcome is unknown.
 *
 * Where many wait, the next batch is sent before the answer to the last one has come, on the same connection, so that Postgres never waits
 * for this process to read an answer. Two connections would gain nothing: `ledger.head` is locked until the commit is durable, which is what
 * makes positions gapless and visible in order.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueryResult } from 'pg'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import { jsonArray } from '../../runtime/binary-arrays.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { AppendOutcome, EventToAppend, Position, Revision, StreamName } from '../ledger.ts'
import { BELL } from './doorbell.ts'

/**
 * Keeps one transaction around 10 to 20 ms on two cores, so that nobody waits long behind a large batch, and lets one be prepared
 * while another is written: 64 writers of 16 events get 20,900 events/s with 500, 19,900 with 1,000, 19,600 with 250.
 */
const MAX_BATCH_EVENTS = 500
/**
 * Between the beginnings of two transactions, while several append. A transaction costs two processes about 1 ms of CPU
 * before its first event, and wakes every follower.
 */
const GATHER_MS = 4
/** Between two rings of the followers' bell. */
const RING_MS = 20
/** As many as this, or a full batch, wait for nothing. */
const ENOUGH_REQUESTS = 50
/**
 * Batches that are sent and not answered. With one, an append was under way all the time in the closed loop of `bench lives`, and the backend slept
 * for 0.55 of it: the answer lay unread until the turn of the event loop was over, and only then came the next batch. 64 writers of 16 events
 * get 25,000 events/s with two, 21,100 with one; three are no quicker.
 */
const MOST_UNDER_WAY = 2

export interface AppendRequest {
  readonly stream: StreamName
  readonly events: readonly EventToAppend[]
  readonly expected: Revision
}

/** A query that is sent, or will be as soon as its connection is open. */
export interface Sent {
  readonly answer: Promise<QueryResult>
  /** Gives up the connection that it went to: whatever that has not answered fails at once, and what is sent next goes to a new one. */
  giveUp(): void
}

export interface Writer {
  send(query: { name: string; text: string; values: unknown[] }): Sent
}

interface Waiting extends AppendRequest {
  settle(outcome: AppendOutcome): void
}

export interface AppendQueue {
  append(request: AppendRequest): Promise<AppendOutcome>
  /** Resolves when everything accepted so far has its outcome; refuses what comes later. */
  close(): Promise<void>
}

export function createAppendQueue(writer: Writer, timeoutMs: number): AppendQueue {
  let waiting: Waiting[] = []
  let waitingEvents = 0
  let underWay = 0
  /** Resolves with the answer to the batch that was sent last. */
  let answered: Promise<void> = Promise.resolve()
  let sending: Promise<void> | undefined
  let closed = false
  let lastBegun = Number.NEGATIVE_INFINITY
  let lastRequests = 0
  let lastRung = Number.NEGATIVE_INFINITY
  /** When something was committed last that did not ring. */
  let lastUnrung = Number.NEGATIVE_INFINITY
  let ringing: NodeJS.Timeout | undefined

  /** Nothing is gained by waiting for more: neither for others, nor for the answer to those before. */
  const areEnough = (): boolean => waiting.length >= ENOUGH_REQUESTS || waitingEvents >= MAX_BATCH_EVENTS

  const maySend = (): boolean =>
    waiting.length > 0 && (underWay === 0 || (underWay < MOST_UNDER_WAY && areEnough()))

  function wake(): void {
    if (maySend()) sending ??= send()
  }

  async function send(): Promise<void> {
    // The appends of this tick join the first batch.
    await Promise.resolve()
    while (maySend()) {
      if (underWay === 0) await gather()
      underWay++
      answered = settle(takeBatch(), answered)
    }
    sending = undefined
  }

  /** Whoever appends alone never waits; where several do, the next few milliseconds' appends share a transaction. */
  async function gather(): Promise<void> {
    if (lastRequests < 2 || areEnough()) return
    const rest = lastBegun + GATHER_MS - performance.now()
    if (rest > 0) await sleep(rest)
  }

  async function settle(batch: readonly Waiting[], before: Promise<void>): Promise<void> {
    lastBegun = performance.now()
    lastRequests = batch.length
    const ring = isDue()
    const outcomes = await write(writer, batch, ring, timeoutMs, before)
    underWay--
    if (outcomes.some(({ kind }) => kind === 'written')) {
      if (ring) lastRung = performance.now()
      else ringLater()
    }
    for (const [index, request] of batch.entries()) request.settle(outcomes[index] as AppendOutcome)
    wake()
  }

  /** In order of arrival; a stream that is in the batch already waits for the next, as `ledger.append` asks. */
  function takeBatch(): Waiting[] {
    const streams = new Set<StreamName>()
    const batch: Waiting[] = []
    const rest: Waiting[] = []
    let events = 0
    for (const request of waiting) {
      const fits = events + request.events.length <= MAX_BATCH_EVENTS || batch.length === 0
      if (fits && !streams.has(request.stream)) {
        streams.add(request.stream)
        batch.push(request)
        events += request.events.length
      } else {
        rest.push(request)
      }
    }
    waiting = rest
    waitingEvents -= events
    return batch
  }

  /**
   * Whether the next commit rings the followers' bell. Otherwise a later one does, or the timer: every ring wakes each of
   * them, its connection's server process included, and they read no more often than this anyway.
   */
  const isDue = () => performance.now() - lastRung >= RING_MS

  function ringLater(): void {
    lastUnrung = performance.now()
    ringing ??= setTimeout(() => {
      ringing = undefined
      if (lastRung >= lastUnrung) return
      lastRung = performance.now()
      // A hint: if it is lost, followers look by themselves within a second.
      writer.send({ name: 'ledger-ring', text: RING, values: [] }).answer.catch(() => {})
    }, RING_MS + 1)
  }

  return {
    append: ({ stream, events, expected }) => {
      if (closed) {
        return Promise.resolve({
          kind: 'refused',
          retryable: false,
          cause: new Error('the ledger is closed'),
        })
      }
      return new Promise((settle) => {
        // Field by field: where optimised code spreads an object into a larger one, V8 takes its slow way (10 µs a message).
        waiting.push({ stream, events, expected, settle })
        waitingEvents += events.length
        wake()
      })
    },
    close: async () => {
      closed = true
      while (sending || underWay > 0) await (sending ?? answered)
      clearTimeout(ringing)
    },
  }
}

/** Appends a group of batches; see `ledger.append`, `append_together` and `append_batches` in the migrations (0001, 0010, 0015) for the contract. The bell rings with the commit. */
const APPEND = `SELECT batch, written, revision, last_position, CASE WHEN $10::boolean THEN pg_notify('${BELL}', '') END
  FROM ledger.append_batches($1, $2, $3, $4, $5, $6, $7, $8, $9)`
const RING = `SELECT pg_notify('${BELL}', '')`

interface AppendRow {
  readonly batch: number
  readonly written: boolean
  readonly revision: number
  readonly last_position: string | null
}

/** @param before resolves with the answer to the batch before this one, and with that this one's time begins, as Postgres' work at it does. */
async function write(
  writer: Writer,
  batch: readonly AppendRequest[],
  ring: boolean,
  timeoutMs: number,
  before: Promise<void>,
): Promise<AppendOutcome[]> {
  const sent = writer.send({ name: 'ledger-append', text: APPEND, values: valuesOf(batch, ring) })
  // If it fails before its time begins: that is told below.
  sent.answer.catch(() => {})
  await before
  try {
    const result = await inTime(timeoutMs, sent.answer)
    return toOutcomes(result.rows as AppendRow[], batch)
  } catch (error) {
    const outcome = classify(error)
    if (outcome.kind === 'ambiguous' || isUnprepared(error)) sent.giveUp()
    return batch.map(() => outcome)
  }
}

/** Columns for `unnest`: three of the batches, six of their events. */
function valuesOf(batch: readonly AppendRequest[], ring: boolean): unknown[] {
  let batches = ''
  let indexes = ''
  const events: EventToAppend[] = []
  for (const [number, request] of batch.entries()) {
    for (const [index, event] of request.events.entries()) {
      const isFirst = events.length === 0
      batches += isFirst ? `${number + 1}` : `,${number + 1}`
      indexes += isFirst ? `${index + 1}` : `,${index + 1}`
      events.push(event)
    }
  }
  return [
    written(batch, ({ stream }) => stream),
    numbers(batch, ({ expected }) => expected),
    numbers(batch, (request) => request.events.length),
    `{${batches}}`,
    `{${indexes}}`,
    plain(events, ({ id }) => id),
    written(events, ({ type }) => type),
    jsonArray(events, ({ data }) => data),
    jsonArray(events, ({ metadata }) => metadata),
    ring,
  ]
}

/** One row for a batch, or a single one that says that all of them were written, one behind the other. */
function toOutcomes(rows: readonly AppendRow[], batch: readonly AppendRequest[]): AppendOutcome[] {
  const outcomes: AppendOutcome[] = []
  const [first] = rows
  if (first?.batch !== 0) {
    for (const row of rows) outcomes[row.batch - 1] = toOutcome(row)
    return outcomes
  }
  let position = BigInt(first.last_position as string)
  for (const { expected, events } of batch) {
    position += BigInt(events.length)
    const revision = (expected + events.length) as Revision
    outcomes.push({ kind: 'written', revision, position: position as Position })
  }
  return outcomes
}

const toOutcome = (row: AppendRow): AppendOutcome =>
  row.written
    ? {
        kind: 'written',
        revision: row.revision as Revision,
        position: BigInt(row.last_position as string) as Position,
      }
    : { kind: 'conflict', actual: row.revision as Revision }

/**
 * The server and `pg` differ in whether the statement is prepared: what follows a batch whose parsing failed is not parsed, or twice.
 * Nothing was written, and a new connection begins anew.
 */
const isUnprepared = (error: unknown): boolean =>
  ['26000', '42P05'].includes((error as { code?: string }).code ?? '')

/**
 * An error with an SQLSTATE means that the statement was rolled back, except where the server ended the session (57P0x) or
 * lost track of the transaction (08xxx, 40003): there, and without any answer, the outcome is unknown. (An SQLSTATE has a digit; `EPIPE`, which
 * looks like one, is of the network.)
 */
function classify(error: unknown): AppendOutcome {
  const state = (error as { code?: unknown }).code
  const rolledBack =
    typeof state === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(state) && !/^(08|57P0|40003)/.test(state)
  if (!rolledBack) return { kind: 'ambiguous', cause: error }
  // Class 40 conflict with another transaction, 53 insufficient resources, 55 lock not available, 57 operator intervention or statement_timeout;
  // 25006 a server that only reads for now, as after a failover.
  const retryable = isUnprepared(error) || /^(40|53|55|57|25006)/.test(state)
  return { kind: 'refused', retryable, cause: error }
}

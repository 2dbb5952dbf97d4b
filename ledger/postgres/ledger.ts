/**
 * The ledger in one Postgres table: gapless positions in commit order, group commit, followers woken by NOTIFY. Owns the
 * schema `ledger` (`runtime/migrations/0001_ledger.sql`); reads through the caller's pool, which it never ends.
 */
import type pg from 'pg'
import { coalesce } from '../../runtime/coalesce.ts'
import { checkLimits } from '../append-limits.ts'
import {
  BEGINNING,
  type Ledger,
  type Position,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../ledger.ts'
import { type LedgerLog, SILENT } from '../ledger-log.ts'
import { createAppendQueue } from './append-queue.ts'
import { createDoorbell } from './doorbell.ts'
import { follow } from './follow.ts'
import { bytesOf, eventsOf, FOLLOW_ALL, FOLLOW_MATCHING, type FollowPage } from './follow-page.ts'
import { createTail, PAGE, type ReadPage, type Tail, type TailReads } from './tail.ts'
import { createWriter } from './writer.ts'

export interface PostgresLedgerOptions {
  readonly databaseUrl: string
  /** For reading. */
  readonly pool: pg.Pool
  /** After this long without an answer an append is `ambiguous`. */
  readonly appendTimeoutMs?: number
  readonly log?: LedgerLog
  /** Shared by the ledgers of one process that are on one database. Default: its own. */
  readonly tail?: Tail
}

/**
 * A read costs two processes 0.2 ms together, however little there is. At 500 messages a second, with a read for each of
 * some 400 commits, the two followers of one process cost more than all the rest that it does.
 */
const PACE_MS = 10

const COLUMNS = 'position, stream, revision, id, type, data, metadata'

/** The next page of a stream, oldest first. */
const STREAM_FORWARDS = `SELECT ${COLUMNS} FROM ledger.events WHERE stream = $1 AND revision >= $2 ORDER BY revision LIMIT $3`

/** The next page of a stream, newest first. */
const STREAM_BACKWARDS = `SELECT ${COLUMNS} FROM ledger.events WHERE stream = $1 AND revision <= $2 ORDER BY revision DESC LIMIT $3`

/** The next page of the whole ledger. */
const ALL = `SELECT ${COLUMNS} FROM ledger.events WHERE position > $1 ORDER BY position LIMIT $2`

/** The next page of the streams whose names match. */
const ALL_MATCHING = `SELECT ${COLUMNS} FROM ledger.events WHERE position > $1 AND stream LIKE ANY ($3) ORDER BY position LIMIT $2`

/** The position of the last event. */
const HEAD = 'SELECT position FROM ledger.head'

const MAX_REVISION = 2 ** 31 - 1

export function createPostgresLedger(options: PostgresLedgerOptions): Ledger {
  const { databaseUrl, pool, appendTimeoutMs = 10_000, log = SILENT, tail = createTail() } = options
  // A little sooner than it is given up here, so that what became of it is known.
  const writer = createWriter(databaseUrl, Math.ceil(appendTimeoutMs * 0.9))
  const queue = createAppendQueue(writer, appendTimeoutMs)
  const doorbell = createDoorbell(databaseUrl, tail.forget)
  const closing = new AbortController()

  async function page(name: string, text: string, values: unknown[]): Promise<RecordedEvent[]> {
    const { rows } = await pool.query<EventRow>({ name, text, values })
    return rows.map(toRecorded)
  }

  function pageOfAll(after: Position, prefixes: readonly string[] | undefined, limit: number) {
    return prefixes === undefined
      ? page('ledger-all', ALL, [after, limit])
      : page('ledger-all-matching', ALL_MATCHING, [after, limit, prefixes.map(likePrefix)])
  }

  /** The next events of all streams, or of those whose names begin so. */
  async function followed(after: Position, prefixes?: readonly string[]): Promise<ReadPage> {
    const { rows } = await pool.query<FollowPage>(
      prefixes === undefined
        ? { name: 'ledger-follow-all', text: FOLLOW_ALL, values: [after, PAGE] }
        : {
            name: 'ledger-follow-matching',
            text: FOLLOW_MATCHING,
            values: [after, PAGE, prefixes.map(likePrefix)],
          },
    )
    return { events: eventsOf(rows[0]), bytes: bytesOf(rows[0]) }
  }

  const readsOf = (prefixes: readonly string[] | undefined): TailReads => ({
    all: (after) => followed(after),
    head,
    follows: ({ stream }) => prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix)),
    own: async (after) => {
      let { events } = await followed(after, prefixes)
      if (events.length === 0) {
        // The end first: a page read after it has whatever is wanted up to there.
        const end = await head()
        if (end > after) ({ events } = await followed(after, prefixes))
        if (events.length === 0) return { events, to: end, more: false }
      }
      return { events, to: (events.at(-1) as RecordedEvent).position, more: events.length === PAGE }
    },
  })

  /** One look for all who ask before it begins: everybody who connects asks twice. */
  const heads = coalesce<undefined, Position>(Number.MAX_SAFE_INTEGER, async () => {
    const { rows } = await pool.query<{ position: string }>({ name: 'ledger-head', text: HEAD })
    return BigInt(rows[0]?.position ?? 0) as Position
  })
  const head = () => heads.add(undefined)

  async function* readStream(stream: StreamName, read: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    const forwards = read.direction !== 'backwards'
    let next = read.from ?? (forwards ? 0 : MAX_REVISION)
    let left = read.limit ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      const limit = Math.min(left, PAGE)
      const events = await (forwards
        ? page('ledger-stream', STREAM_FORWARDS, [stream, next, limit])
        : page('ledger-stream-back', STREAM_BACKWARDS, [stream, next, limit]))
      yield* events
      const last = events.at(-1)
      if (!last || events.length < limit) return
      left -= events.length
      next = last.revision + (forwards ? 1 : -1)
    }
  }

  async function* readAll({ after = BEGINNING, prefixes, limit }: ReadAllOptions = {}) {
    let position = after
    let left = limit ?? Number.POSITIVE_INFINITY
    while (left > 0) {
      const size = Math.min(left, PAGE)
      const events = await pageOfAll(position, prefixes, size)
      yield* events
      const last = events.at(-1)
      if (!last || events.length < size) return
      left -= events.length
      position = last.position
    }
  }

  return {
    name: 'postgres',
    append: async (stream, events, expected) => {
      checkLimits(events)
      return queue.append({ stream, events, expected })
    },
    readStream,
    readAll,
    subscribe: ({ after, prefixes, paceMs = PACE_MS, signal }) => {
      const reads = readsOf(prefixes)
      return follow({
        start: async () => (after === 'end' ? head() : after),
        page: (position) => tail.page(position, reads),
        paceMs,
        doorbell,
        log,
        signal: AbortSignal.any([signal, closing.signal]),
      })
    },
    head,
    ping: async () => {
      await head()
    },
    close: async () => {
      closing.abort()
      await queue.close()
      await Promise.all([writer.close(), doorbell.close()])
    },
  }
}

interface EventRow {
  readonly position: string
  readonly stream: string
  readonly revision: number
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly metadata: Record<string, string>
}

const toRecorded = (row: EventRow): RecordedEvent => ({
  stream: row.stream as StreamName,
  revision: row.revision as Revision,
  position: BigInt(row.position) as Position,
  id: row.id,
  type: row.type,
  data: row.data,
  metadata: row.metadata,
})

const likePrefix = (prefix: string): string => `${prefix.replace(/[\\%_]/g, '\\$&')}%`

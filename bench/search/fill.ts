/**
 * Fills a fresh system with people, conversations and messages: read models and search index, past the ledger. The rows are
 * made by the code that makes them in the program; the next ones are made while the last ones are written.
 *
 * The index over all but the last messages is built at once, as a restored backup would: into a million messages' index one
 * by one would be most of the time. The last ones are indexed one batch after another, as they come in life, and that is what is timed.
 *
 * In the end everybody has read everything: of a million messages that nobody acknowledges the delivery worker tries every one of
 * the people again and again, beside the searches.
 */
import { hash } from 'node:crypto'
import pg from 'pg'
import type { MessageSent } from '../../domain/events.ts'
import type { DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { createBlindLexemes } from '../../ledger/sealing/blind-lexemes.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { seal } from '../../ledger/sealing/seal.ts'
import { copyIn } from '../../projections/engine/copy-in.ts'
import { emptyBatch, foldEvent, writesOf } from '../../projections/fold/batch.ts'
import { indexEntries, type Placed } from '../../projections/search/index-entries.ts'
import { takeUpIndex, writeIndex } from '../../projections/search/write-index.ts'
import { type Cast, createTalks, type Talk } from './talks.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface Filled extends Cast {
  readonly messages: number
  /** In one process, index alone, at full size. */
  readonly indexedPerSecond: number
  readonly indexBytes: number
}

export interface FillOptions {
  readonly databaseUrl: string
  readonly masterKey: Buffer
  readonly messages: number
  readonly vocabulary: Vocabulary
  readonly random: () => number
  progress(text: string): void
}

const BATCH = 1_000
/** Messages that are indexed as in life, in batches as the follower's. */
const TIMED = 10_000
const TIMED_BATCH = 100

export async function fill(options: FillOptions): Promise<Filled> {
  const { databaseUrl, masterKey, messages, vocabulary, random } = options
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  const client = await pool.connect()
  const contentKeys = createContentKeys(pool, masterKey)
  const lexemes = createBlindLexemes(masterKey)
  const { cast, next } = createTalks(messages, random)
  const began = Date.now()
  const talks = new Set<Talk>()
  let position = 0n
  let sent = 0

  const place = (event: Placed['event']): Placed => ({ event, position: ++position as Position })

  async function project(placed: readonly Placed[]): Promise<void> {
    const batch = emptyBatch()
    for (const one of placed) foldEvent(batch, one.event, one.position)
    await client.query('BEGIN; SET LOCAL synchronous_commit = off')
    for (const write of writesOf('read', batch)) {
      if ('copy' in write) await copyIn(client, write.copy.text, write.lines)
      else await client.query({ ...write.statement, values: [...write.values] })
    }
    await client.query('COMMIT')
  }

  async function index(placed: readonly Placed[]): Promise<void> {
    const { position: last } = placed.at(-1) as Placed
    await writeIndex(client, await indexEntries({ contentKeys, lexemes }, placed), last)
  }

  /** With the start of its conversation, where it is the first: what is said lies between, as in life. */
  async function nextMessage(): Promise<Placed[]> {
    const talk = next(sent++ / messages)
    const { conversationId, members } = talk
    talks.add(talk)
    const started = talk.seq === 0 ? [place(startOf(talk, began as Millis))] : []
    const senderId = members[Math.floor(random() * members.length)] as UserId
    const messageId = hash('sha256', `${position}`) as MessageId
    const key =
      contentKeys.cached(conversationId, senderId) ?? (await contentKeys.ensure(conversationId, senderId))
    const event: MessageSent = {
      type: 'MessageSent',
      conversationId,
      seq: ++talk.seq as Seq,
      messageId,
      senderId,
      deviceId: 'phone' as DeviceId,
      nonce: 'nonce-nonce-nonce',
      clientAt: began as Millis,
      // Over the last year.
      at: Math.round(began - (1 - sent / messages) * 31_536_000_000) as Millis,
      body: seal(key, messageId, { kind: 'text', text: vocabulary.text() }),
    }
    return [...started, place(event)]
  }

  async function nextMessages(count: number): Promise<Placed[]> {
    const placed: Placed[] = []
    for (let n = 0; n < count; n++) placed.push(...(await nextMessage()))
    return placed
  }

  async function readByAll(): Promise<void> {
    const receipts = [...talks].flatMap((talk) => receiptsOf(talk, began as Millis))
    for (let from = 0; from < receipts.length; from += BATCH)
      await project(receipts.slice(from, from + BATCH).map(place))
  }

  try {
    await takeUpIndex(client, lexemes.fingerprint)
    const definition = await withoutIndex(client)
    const atOnce = Math.max(0, messages - TIMED)
    let writing = Promise.resolve()
    for (let from = 0; from < atOnce; from += BATCH) {
      const [placed] = await Promise.all([nextMessages(Math.min(BATCH, atOnce - from)), writing])
      writing = project(placed).then(() => index(placed))
      if (from % 50_000 === 0) options.progress(`search: ${from} of ${messages} messages are there`)
    }
    await writing
    options.progress('search: the index is built')
    await client.query(definition)

    const last = await nextMessages(messages - atOnce)
    await project(last)
    await readByAll()
    const indexing = performance.now()
    for (let from = 0; from < last.length; from += TIMED_BATCH)
      await index(last.slice(from, from + TIMED_BATCH))
    const indexingMs = performance.now() - indexing
    await client.query('VACUUM ANALYZE')
    // What follows is measured at rest: a gigabyte that is being written is no part of a search.
    await client.query('CHECKPOINT')
    const { rows } = await client.query<{ bytes: string }>(
      `SELECT pg_total_relation_size('search.messages') AS bytes`,
    )
    return {
      ...cast,
      messages,
      indexedPerSecond: last.length / (indexingMs / 1000),
      indexBytes: Number(rows[0]?.bytes),
    }
  } finally {
    client.release()
    await pool.end()
  }
}

/** Drops the index over the lexemes, and answers what makes it again. */
async function withoutIndex(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ definition: string }>(
    "SELECT pg_get_indexdef('search.messages_lexemes'::regclass) AS definition",
  )
  await client.query("SET maintenance_work_mem = '512MB'; DROP INDEX search.messages_lexemes")
  return rows[0]?.definition ?? ''
}

/** Of each member, for all that was said. */
const receiptsOf = ({ conversationId, members, seq }: Talk, at: Millis): Placed['event'][] =>
  members.flatMap((userId) => {
    const range = {
      conversationId,
      userId,
      deviceId: 'phone' as DeviceId,
      fromSeq: 1 as Seq,
      toSeq: seq as Seq,
      at,
    }
    return [
      { type: 'MessageDelivered', ...range },
      { type: 'MessageRead', ...range },
    ]
  })

const startOf = ({ conversationId, members }: Talk, at: Millis): Placed['event'] => ({
  type: 'ConversationStarted',
  conversationId,
  kind: members.length > 2 ? 'group' : 'direct',
  members: members.map((userId) => ({ userId, role: 'member' })),
  by: members[0] as UserId,
  at,
})

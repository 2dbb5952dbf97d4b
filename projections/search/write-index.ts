/** The tables of the search index: one transaction moves them and the follower's place. Reads no ledger. */
import type pg from 'pg'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import type { Ownership } from '../engine/ownership.ts'
import type { IndexEntries } from './index-entries.ts'

/** The connection that holds the follower's lock: whoever has lost the lock can write nothing. */
type Connection = Pick<Ownership, 'query'>

/**
 * One statement, and so one round trip and one transaction. Mentions only of people who were members at the message: nobody
 * fills a stranger's list. `removed` are of earlier batches: a statement does not see what it adds itself.
 */
const WRITE = `
  WITH removed AS (
    SELECT * FROM unnest($2::uuid[], $3::int[]) AS removed (conversation_id, seq)
  ), unsaid AS (
    DELETE FROM search.messages said USING removed
    WHERE said.conversation_id = removed.conversation_id AND said.seq = removed.seq
  ), unmentioned AS (
    DELETE FROM search.mentions mention USING removed
    WHERE mention.conversation_id = removed.conversation_id AND mention.seq = removed.seq
  ), said AS (
    INSERT INTO search.messages (conversation_id, seq, position, lexemes)
    SELECT conversation_id, seq, position, lexemes::tsvector
    FROM unnest($4::uuid[], $5::int[], $6::bigint[], $7::text[]) AS sent (conversation_id, seq, position, lexemes)
    ON CONFLICT DO NOTHING
  ), mentioned AS (
    INSERT INTO search.mentions (user_id, position, conversation_id, seq)
    SELECT mention.user_id, mention.position, mention.conversation_id, mention.seq
    FROM unnest($8::uuid[], $9::int[], $10::bigint[], $11::text[]) AS mention (conversation_id, seq, position, user_id)
    JOIN read.members m ON m.conversation_id = mention.conversation_id AND m.user_id = mention.user_id
      AND mention.seq <@ m.history
    ON CONFLICT DO NOTHING
  )
  UPDATE search.progress SET position = $1`

/** Somebody emptied the index while a follower went on: what it writes now would have a gap before it. */
export class IndexEmptied extends Error {
  override readonly name = 'IndexEmptied'
}

/** @throws IndexEmptied. Whoever takes up the index next removes what was written. */
export async function writeIndex(
  connection: Connection,
  { messages, mentions, removed }: IndexEntries,
  upTo: Position,
): Promise<void> {
  const { rowCount } = await connection.query(WRITE, [
    upTo,
    ...placesOf(removed),
    ...placesOf(messages),
    numbers(messages, ({ position }) => position),
    plain(messages, ({ lexemes }) => lexemes),
    ...placesOf(mentions),
    numbers(mentions, ({ position }) => position),
    plain(mentions, ({ userId }) => userId),
  ])
  if (rowCount === 0) throw new IndexEmptied('the search index was emptied under its follower')
}

const placesOf = (places: IndexEntries['removed']): string[] => [
  plain(places, ({ conversationId }) => conversationId),
  numbers(places, ({ seq }) => seq),
]

const PROGRESS = 'SELECT fingerprint, position FROM search.progress'
const EMPTY = 'TRUNCATE search.messages, search.mentions, search.progress'
const BEGIN_ANEW = `${EMPTY}; INSERT INTO search.progress (fingerprint, position) VALUES ('FINGERPRINT', 0)`

/** Rows and place are one transaction, and the ledger has the rest: a crash costs what was written last, not the index. */
const HASTE = 'SET synchronous_commit = off'

/** Where to go on. An index under another key, or of another version, is emptied first. */
export async function takeUpIndex(connection: Connection, fingerprint: string): Promise<Position> {
  await connection.query(HASTE)
  const { rows } = await connection.query<{ fingerprint: string; position: string }>(PROGRESS)
  if (rows[0]?.fingerprint === fingerprint) return BigInt(rows[0].position) as Position
  // Several statements in one query are one transaction, and take no parameters; it is base64url.
  await connection.query(BEGIN_ANEW.replace('FINGERPRINT', fingerprint))
  return BEGINNING
}

/** Of the connection that a follower writes on; it then finds no place to go on from, and begins anew. */
const INTERRUPT = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'triptick search owner'`

/** Removes every entry. A follower that runs, in whichever process, makes them again. */
export async function emptyIndex(db: pg.Pool | pg.ClientBase): Promise<void> {
  // One transaction: of a follower that has nothing to write, nobody else would ask for its place.
  await db.query(`${EMPTY}; ${INTERRUPT}`)
}

/** The tables of the search index: one transaction moves them and the follower's place. Reads no ledger. */
import type pg from 'pg'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import type { Ownership } from '../engine/ownership.ts'
import type { IndexEntries } from './index-entries.ts'

/** The connection that holds the follower's lock: whoever has lost the lock can write nothing. */
type Connection = Pick<Ownership, 'query'>

const ADD_MESSAGES = `
  INSERT INTO search.messages (conversation_id, seq, position, lexemes)
  SELECT conversation_id, seq, position, lexemes::tsvector
  FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS sent (conversation_id, seq, position, lexemes)
  ON CONFLICT DO NOTHING`

/** Only of people who were members at the message: nobody fills a stranger's list. */
const ADD_MENTIONS = `
  INSERT INTO search.mentions (user_id, position, conversation_id, seq)
  SELECT mention.user_id, mention.position, mention.conversation_id, mention.seq
  FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) AS mention (conversation_id, seq, position, user_id)
  JOIN read.members m ON m.conversation_id = mention.conversation_id AND m.user_id = mention.user_id
    AND mention.seq <@ m.history
  ON CONFLICT DO NOTHING`

const removeFrom = (table: 'messages' | 'mentions'): string => `
  DELETE FROM search.${table} indexed USING unnest($1::uuid[], $2::int[]) AS removed (conversation_id, seq)
  WHERE indexed.conversation_id = removed.conversation_id AND indexed.seq = removed.seq`
const REMOVE_MESSAGES = removeFrom('messages')
const REMOVE_MENTIONS = removeFrom('mentions')

const MOVE = 'UPDATE search.progress SET position = $1'

export async function writeIndex(
  connection: Connection,
  { messages, mentions, removed }: IndexEntries,
  upTo: Position,
): Promise<void> {
  await connection.query('BEGIN')
  try {
    if (messages.length > 0) {
      const lexemes = messages.map((message) => message.lexemes)
      await connection.query(ADD_MESSAGES, [...placesOf(messages), positionsOf(messages), lexemes])
    }
    if (mentions.length > 0) {
      const userIds = mentions.map(({ userId }) => userId)
      await connection.query(ADD_MENTIONS, [...placesOf(mentions), positionsOf(mentions), userIds])
    }
    if (removed.length > 0) {
      await connection.query(REMOVE_MESSAGES, placesOf(removed))
      await connection.query(REMOVE_MENTIONS, placesOf(removed))
    }
    await connection.query(MOVE, [upTo])
    await connection.query('COMMIT')
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => {})
    throw error
  }
}

const placesOf = (places: IndexEntries['removed']) => [
  places.map(({ conversationId }) => conversationId),
  places.map(({ seq }) => seq),
]
const positionsOf = (entries: readonly { readonly position: Position }[]) =>
  entries.map(({ position }) => position)

const PROGRESS = 'SELECT fingerprint, position FROM search.progress'
const EMPTY = 'TRUNCATE search.messages, search.mentions, search.progress'
const BEGIN_ANEW = `${EMPTY}; INSERT INTO search.progress (fingerprint, position) VALUES ('FINGERPRINT', 0)`

/** Where to go on. An index under another key, or of another version, is emptied first. */
export async function takeUpIndex(connection: Connection, fingerprint: string): Promise<Position> {
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
  await db.query(EMPTY)
  await db.query(INTERRUPT)
}

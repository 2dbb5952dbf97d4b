/** A database in which conversations, members and temporary bodies are written as the projections and the ledger would. */
import type pg from 'pg'
import type { ConversationId, MessageId, Millis } from '../../../domain/ids.ts'
import { readableBodies } from '../../../projections/queries/temporary-bodies.ts'
import { createReadSchema } from '../../../projections/schema.ts'
import { destroyDelivered } from '../../../workers/retention/due-bodies.ts'
import { createWorld, type World } from '../../projections/support/world.ts'

export interface Member {
  readonly who: string
  /** They have everything up to here. */
  readonly has: number
  readonly left?: boolean
}

export interface Waiting {
  readonly seq: number
  readonly by: string
  /** Default: yes. */
  readonly projected?: boolean
}

/** The n-th of a test's database. */
export const conversation = (n: number): ConversationId =>
  `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000` as ConversationId

export async function createReadWorld(): Promise<World> {
  const world = await createWorld('migrated')
  const client = await world.pool.connect()
  await createReadSchema(client, 'read', 2)
  client.release()
  return world
}

/** A conversation whose newest event is at `position`, and bodies of it that wait for delivery. */
export async function wait(
  pool: pg.Pool,
  id: ConversationId,
  members: readonly Member[],
  bodies: readonly Waiting[],
  position = 1,
): Promise<void> {
  await pool.query(
    `INSERT INTO read.members (conversation_id, user_id, role, joined_seq, joined_at, joined_by, joined_position, left_seq, history,
        delivered_seq, read_seq, own_after_delivered, own_after_read)
     SELECT $1, who, 'member', 0, 1, 'somebody', 1, CASE WHEN gone THEN has END, '{[1,)}', has, 0, 0, 0
     FROM unnest($2::text[], $3::int[], $4::boolean[]) AS member (who, has, gone)`,
    [
      id,
      members.map(({ who }) => who),
      members.map(({ has }) => has),
      members.map(({ left }) => left === true),
    ],
  )
  const seqs = bodies.map(({ seq }) => seq)
  const senders = bodies.map(({ by }) => by)
  await pool.query(
    `INSERT INTO ledger.temporary_bodies (conversation_id, message_id, body_hash, seq, sender_id, until_delivered, expires_at, sealed)
     SELECT id, sha256((id || 'id' || seq)::bytea), sha256((id || 'body' || seq)::bytea), seq, sender, true, 99999999999999, '\\x00'
     FROM (SELECT $1::uuid AS id) c CROSS JOIN unnest($2::int[], $3::text[]) AS body (seq, sender)`,
    [id, seqs, senders],
  )
  await pool.query(
    `INSERT INTO read.messages (conversation_id, seq, message_id, sender_id, device_id, nonce, client_at, at, body_hash, position,
        temporary, expires_at)
     SELECT conversation_id, seq, message_id, sender_id, 'phone', 'n', 1, 1, body_hash, seq, 'until-delivered', expires_at
     FROM ledger.temporary_bodies WHERE conversation_id = $1 AND seq = ANY ($2)`,
    [id, bodies.filter(({ projected }) => projected !== false).map(({ seq }) => seq)],
  )
  // Last: a worker that looks now finds all or nothing.
  await pool.query(
    "INSERT INTO read.conversations VALUES ($1, 'group', null, 'somebody', 1, 1, $2, 1, $3, $3)",
    [id, Math.max(0, ...seqs), position],
  )
}

/** Bodies with a time to live that is over. */
export const overdue = (pool: pg.Pool, id: ConversationId, count: number): Promise<unknown> =>
  pool.query(
    `INSERT INTO ledger.temporary_bodies (conversation_id, message_id, body_hash, seq, sender_id, until_delivered, expires_at, sealed)
     SELECT $1, sha256(seq::text::bytea), sha256(seq::text::bytea), seq, 'alice', false, 1, '\\x00' FROM generate_series(1, $2::int) seq`,
    [id, count],
  )

/** The seqs of those that still have their bytes. */
export async function waitingIn(pool: pg.Pool, id: ConversationId): Promise<number[]> {
  const { rows } = await pool.query<{ seq: number }>(
    'SELECT seq FROM ledger.temporary_bodies WHERE conversation_id = $1 AND sealed IS NOT NULL ORDER BY seq',
    [id],
  )
  return rows.map(({ seq }) => seq)
}

/** The seqs of those that somebody may still read. */
export async function readableIn(pool: pg.Pool, id: ConversationId): Promise<number[]> {
  const { rows } = await pool.query<{ seq: number; messageId: MessageId; hash: string }>(
    `SELECT seq, encode(message_id, 'hex') AS "messageId", encode(body_hash, 'hex') AS hash
     FROM ledger.temporary_bodies WHERE conversation_id = $1 ORDER BY seq`,
    [id],
  )
  const readable = await readableBodies(pool, rows.map(asRecord(id)), 1 as Millis)
  return rows.filter(({ hash }) => readable.has(hash)).map(({ seq }) => seq)
}

/** What `readableBodies` needs of a message. */
export const asRecord =
  (conversationId: ConversationId) =>
  ({ messageId, hash }: { readonly messageId: MessageId; readonly hash: string }) => ({
    conversationId,
    messageId,
    body: { hash },
    temporary: { mode: 'until-delivered' as const, expiresAt: 99_999_999_999_999 as Millis },
    expiredAt: null,
    deletedAt: null,
  })

/** Page by page, as the worker does; answers how many it destroyed. */
export async function destroyAll(
  pool: pg.Pool,
  among: readonly ConversationId[],
  page: number,
): Promise<number> {
  let all = 0
  for (;;) {
    const { destroyed, full } = await destroyDelivered(pool, among, page)
    all += destroyed.length
    if (!full) return all
  }
}

/** The process ids of those that wait for a lock to destroy what is delivered. */
export async function blocked(pool: pg.Pool): Promise<number[]> {
  const { rows } = await pool.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%behind AS MATERIALIZED%'`,
  )
  return rows.map(({ pid }) => pid)
}

/** Temporary bodies that may still be read: none that is due, whether or not the retention worker has come to it. */
import type { Millis } from '../../domain/ids.ts'
import type { MessageRecord } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

/** Beyond every seq: what nobody has to have, everybody has. */
const NO_LIMIT = 2_147_483_647

/**
 * How far the current members of a conversation have it, in one row: `member`, who is furthest behind, is at `lowest`, and nobody
 * else is before `second`. With these three any number of its bodies is judged (`DELIVERED_TO_ALL`) after one walk over its
 * members. Watermarks begin at the seq after which a member joined, so whoever came later has it by this; who left counts no more.
 */
export const furthestBehind = (conversationId: string): string => `
  SELECT (array_agg(o.user_id))[1] AS member,
    coalesce((array_agg(o.delivered_seq))[1], ${NO_LIMIT}) AS lowest,
    coalesce((array_agg(o.delivered_seq))[2], ${NO_LIMIT}) AS second
  FROM (SELECT user_id, delivered_seq FROM read.members
        WHERE conversation_id = ${conversationId} AND left_seq IS NULL ORDER BY delivered_seq LIMIT 2) o`

/**
 * Whether every member but its sender has the row `b` of `ledger.temporary_bodies`, by the row `f` of `furthestBehind`: one of the
 * two, which exclude each other. Each is a range of an index.
 */
export const DELIVERED_TO_ALL = {
  whoeverSent: 'b.seq <= f.lowest',
  sentByTheLast: 'b.sender_id = f.member AND b.seq > f.lowest AND b.seq <= f.second',
} as const

/**
 * Of a message that is not projected nothing is known, for its members may not be either; and a sealing that is no message's is
 * nobody's. A subquery that stays one: made a join, it might read all messages to find one.
 */
export const PROJECTED = `coalesce((
  SELECT m.body_hash = b.body_hash FROM read.messages m WHERE m.conversation_id = b.conversation_id AND m.seq = b.seq
), false)`

const READABLE: Statement = {
  name: 'temporary bodies that may be read',
  text: `
    WITH bodies AS MATERIALIZED (
      SELECT b.*
      FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (conversation_id, message_id, hash)
      JOIN ledger.temporary_bodies b ON b.conversation_id = asked.conversation_id
        AND b.message_id = decode(asked.message_id, 'hex') AND b.body_hash = decode(asked.hash, 'hex')
      WHERE b.sealed IS NOT NULL AND b.expires_at > $4
    ), behind AS MATERIALIZED (
      SELECT c.conversation_id, f.*
      FROM (SELECT DISTINCT conversation_id FROM bodies WHERE until_delivered) c
      CROSS JOIN LATERAL (${furthestBehind('c.conversation_id')}) f
    )
    SELECT encode(b.body_hash, 'hex') AS hash, b.sealed
    FROM bodies b LEFT JOIN behind f USING (conversation_id)
    WHERE NOT b.until_delivered
      OR NOT ((${DELIVERED_TO_ALL.whoeverSent} OR ${DELIVERED_TO_ALL.sentByTheLast}) AND ${PROJECTED})`,
}

type Needed = Pick<
  MessageRecord,
  'conversationId' | 'messageId' | 'body' | 'temporary' | 'expiredAt' | 'deletedAt'
>

/** The sealed bytes by their hash. Asks nothing where no message needs it. */
export async function readableBodies(
  db: Database,
  messages: readonly Needed[],
  now: Millis,
): Promise<ReadonlyMap<string, Buffer>> {
  const asked = messages.filter(
    ({ temporary, expiredAt, deletedAt }) =>
      temporary !== null && temporary.expiresAt > now && expiredAt === null && deletedAt === null,
  )
  if (asked.length === 0) return new Map()
  const rows = await ask<{ readonly hash: string; readonly sealed: Buffer }>(db, READABLE, [
    asked.map(({ conversationId }) => conversationId),
    asked.map(({ messageId }) => messageId),
    asked.map(({ body }) => body.hash),
    now,
  ])
  return new Map(rows.map(({ hash, sealed }) => [hash, sealed]))
}

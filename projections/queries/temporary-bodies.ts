/** Temporary bodies that may still be read: none that is due, whether or not the retention worker has come to it. */
import type { Millis } from '../../domain/ids.ts'
import type { MessageRecord } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

/**
 * Of the row `b` of `ledger.temporary_bodies`: every other member has its message. Watermarks begin at the seq after which a
 * member joined, so whoever came later has it by this; who left counts no more. Of a message that is not projected nothing is
 * known, for its members may not be either; and a sealing that is no message's is nobody's.
 */
export const DELIVERED_TO_ALL = `EXISTS (
  SELECT FROM read.messages m
  WHERE m.conversation_id = b.conversation_id AND m.seq = b.seq AND m.body_hash = b.body_hash
) AND NOT EXISTS (
  SELECT FROM read.members o
  WHERE o.conversation_id = b.conversation_id AND o.user_id <> b.sender_id
    AND o.left_seq IS NULL AND o.delivered_seq < b.seq)`

const READABLE: Statement = {
  name: 'temporary bodies that may be read',
  text: `
    SELECT encode(b.body_hash, 'hex') AS hash, b.sealed
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (conversation_id, message_id, hash)
    JOIN ledger.temporary_bodies b ON b.conversation_id = asked.conversation_id
      AND b.message_id = decode(asked.message_id, 'hex') AND b.body_hash = decode(asked.hash, 'hex')
    WHERE b.sealed IS NOT NULL AND b.expires_at > $4 AND NOT (b.until_delivered AND ${DELIVERED_TO_ALL})`,
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

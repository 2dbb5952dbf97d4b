/** One person in one conversation, now or formerly: what they may read, and how far they have it. */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { millisOrNull } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'
import { firstUnread, UNREAD } from './unread.ts'

export interface Membership {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly userId: UserId
  readonly role: Role
  readonly joinedSeq: Seq
  /** Null: a member now. */
  readonly leftSeq: Seq | null
  readonly deliveredSeq: Seq
  readonly readSeq: Seq
  /** Of the conversation. */
  readonly lastSeq: Seq
  /** The oldest and the newest message that this person may read; null when there is none. */
  readonly firstReadableSeq: Seq | null
  readonly lastReadableSeq: Seq | null
  readonly unread: number
  /** The first that they have not read: a client draws its line above it. */
  readonly firstUnreadSeq: Seq | null
  readonly earliestUnreadAt: Millis | null
}

const MEMBERSHIP: Statement = {
  name: 'membership of a person',
  text: `
    SELECT me.conversation_id AS "conversationId", me.kind, me.user_id AS "userId", me.role, me.joined_seq AS "joinedSeq",
           me.left_seq AS "leftSeq", me.delivered_seq AS "deliveredSeq", me.read_seq AS "readSeq", me.last_seq AS "lastSeq",
           lower(me.readable) AS "firstReadableSeq", upper(me.readable) - 1 AS "lastReadableSeq",
           me.unread, unread.seq AS "firstUnreadSeq", unread.at AS earliest_unread_at
    FROM (
      SELECT m.conversation_id, c.kind, m.user_id, m.role, m.joined_seq, m.left_seq, m.delivered_seq, m.read_seq,
             m.last_sent_seq, m.own_after_read, c.last_seq, ${UNREAD} AS unread,
             m.history * int4multirange(int4range(1, c.last_seq + 1)) AS readable
      FROM read.members m JOIN read.conversations c USING (conversation_id)
      WHERE m.conversation_id = $1 AND m.user_id = $2
    ) me
    LEFT JOIN LATERAL (${firstUnread('me')}) unread ON true`,
}

/** Null when this person never was a member. */
export async function membershipOf(
  db: Database,
  conversationId: ConversationId,
  userId: UserId,
): Promise<Membership | null> {
  const [row] = await ask<
    Omit<Membership, 'earliestUnreadAt'> & { readonly earliest_unread_at: string | null }
  >(db, MEMBERSHIP, [conversationId, userId])
  if (!row) return null
  const { earliest_unread_at, ...membership } = row
  return { earliestUnreadAt: millisOrNull(earliest_unread_at), ...membership }
}

/** One person in one conversation, now or formerly. */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import { ask, type Database, type Statement } from './statement.ts'

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
}

const MEMBERSHIP: Statement = {
  name: 'membership of a person',
  text: `
    SELECT m.conversation_id AS "conversationId", c.kind, m.user_id AS "userId", m.role, m.joined_seq AS "joinedSeq",
           m.left_seq AS "leftSeq", m.delivered_seq AS "deliveredSeq", m.read_seq AS "readSeq", c.last_seq AS "lastSeq"
    FROM read.members m JOIN read.conversations c USING (conversation_id)
    WHERE m.conversation_id = $1 AND m.user_id = $2`,
}

/** Null when this person never was a member. */
export async function membershipOf(
  db: Database,
  conversationId: ConversationId,
  userId: UserId,
): Promise<Membership | null> {
  const [row] = await ask<Membership>(db, MEMBERSHIP, [conversationId, userId])
  return row ?? null
}

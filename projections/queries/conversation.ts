/** One conversation: what it is, who is in it, and how far each member has it. */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { millis, millisOrNull, position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

interface ConversationMember {
  readonly userId: UserId
  readonly role: Role
  readonly joinedSeq: Seq
  readonly joinedAt: Millis
  readonly deliveredSeq: Seq
  readonly deliveredAt: Millis | null
  readonly readSeq: Seq
  readonly readAt: Millis | null
}

export interface Conversation {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  readonly startedBy: UserId
  readonly startedAt: Millis
  readonly lastSeq: Seq
  readonly lastMessageAt: Millis | null
  readonly lastPosition: Position
  /** Current members, by user id. */
  readonly members: readonly ConversationMember[]
}

const CONVERSATION: Statement = {
  name: 'conversation with its members',
  text: `
    SELECT c.conversation_id AS "conversationId", c.kind, c.title, c.started_by AS "startedBy", c.started_at,
           c.last_seq AS "lastSeq", c.last_message_at, c.last_position,
           m.user_id AS "userId", m.role, m.joined_seq AS "joinedSeq", m.joined_at,
           m.delivered_seq AS "deliveredSeq", m.delivered_at, m.read_seq AS "readSeq", m.read_at
    FROM read.conversations c
    LEFT JOIN read.members m ON m.conversation_id = c.conversation_id AND m.left_seq IS NULL
    WHERE c.conversation_id = $1
    ORDER BY m.user_id`,
}

type Row = Pick<Conversation, 'conversationId' | 'kind' | 'title' | 'startedBy' | 'lastSeq'> &
  Pick<ConversationMember, 'role' | 'joinedSeq' | 'deliveredSeq' | 'readSeq'> & {
    /** Null when nobody is left. */
    readonly userId: UserId | null
    readonly started_at: string
    readonly last_message_at: string | null
    readonly last_position: string
    readonly joined_at: string
    readonly delivered_at: string | null
    readonly read_at: string | null
  }

export async function conversationOf(
  db: Database,
  conversationId: ConversationId,
): Promise<Conversation | null> {
  const rows = await ask<Row>(db, CONVERSATION, [conversationId])
  const [first] = rows
  if (!first) return null
  return {
    conversationId: first.conversationId,
    kind: first.kind,
    title: first.title,
    startedBy: first.startedBy,
    startedAt: millis(first.started_at),
    lastSeq: first.lastSeq,
    lastMessageAt: millisOrNull(first.last_message_at),
    lastPosition: position(first.last_position),
    members: rows.flatMap(({ userId, ...row }) => (userId === null ? [] : [toMember(userId, row)])),
  }
}

const toMember = (userId: UserId, row: Omit<Row, 'userId'>): ConversationMember => ({
  userId,
  role: row.role,
  joinedSeq: row.joinedSeq,
  joinedAt: millis(row.joined_at),
  deliveredSeq: row.deliveredSeq,
  deliveredAt: millisOrNull(row.delivered_at),
  readSeq: row.readSeq,
  readAt: millisOrNull(row.read_at),
})

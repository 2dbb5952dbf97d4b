/** What else a device missed: conversations begun or joined, people who came, went and got another role, new titles, messages that were deleted. */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { millis, position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

interface JoinedConversation {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  readonly members: readonly { readonly userId: UserId; readonly role: Role }[]
  readonly lastSeq: Seq
  /** When this person joined it. */
  readonly at: Millis
  readonly position: Position
}

interface MemberChange {
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly change: 'added' | 'removed' | 'role'
  /** Of a `role`: the one that stands now. */
  readonly role: Role | null
  readonly by: UserId
  readonly at: Millis
  readonly position: Position
}

interface RenamedConversation {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  readonly memberCount: number
  readonly lastSeq: Seq
  readonly by: UserId
  readonly at: Millis
  readonly position: Position
}

interface DeletedMessage {
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly messageId: MessageId
  readonly at: Millis
  readonly position: Position
}

/** Each in the order it happened. Of somebody who came and went several times, only where they are now. */
export interface MissedChanges {
  /** Their member lists are complete, so nobody in them is in `members` too. */
  readonly joined: readonly JoinedConversation[]
  readonly members: readonly MemberChange[]
  /**
   * This person's own leavings: to be told after everything else of their conversations. Also of those they joined since, of
   * which they are told nothing but the messages of their time.
   */
  readonly left: readonly MemberChange[]
  /** Only the title that stands now, once. */
  readonly renamed: readonly RenamedConversation[]
  readonly deleted: readonly DeletedMessage[]
}

const JOINED_SINCE: Statement = {
  name: 'conversations joined since',
  text: `
    SELECT c.conversation_id AS "conversationId", c.kind, c.title, c.last_seq AS "lastSeq",
           me.joined_at AS at, me.joined_position AS position, everyone.members
    FROM read.members me
    JOIN read.conversations c USING (conversation_id)
    CROSS JOIN LATERAL (
      SELECT json_agg(json_build_object('userId', m.user_id, 'role', m.role) ORDER BY m.user_id) AS members
      FROM read.members m WHERE m.conversation_id = me.conversation_id AND m.left_seq IS NULL
    ) everyone
    WHERE me.user_id = $1 AND me.joined_position > $2 AND me.left_seq IS NULL
    ORDER BY me.joined_position`,
}

/** Of conversations that this person knew before, up to their own leaving, which is told apart. */
const MEMBERS_CHANGED_SINCE: Statement = {
  name: 'members that changed since',
  text: `
    SELECT o.conversation_id AS "conversationId", o.user_id AS "userId", changed.change, changed.role, changed.by, changed.at, changed.position
    FROM read.members me
    JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $2
    JOIN read.members o ON o.conversation_id = me.conversation_id
    CROSS JOIN LATERAL (
      SELECT 'added' AS change, NULL AS role, o.joined_by AS by, o.joined_at AS at, o.joined_position AS position
      WHERE o.left_seq IS NULL
      UNION ALL
      SELECT 'role', o.role, o.role_by, o.role_at, o.role_position WHERE o.left_seq IS NULL
      UNION ALL
      SELECT 'removed', NULL, o.left_by, o.left_at, o.left_position WHERE o.left_seq IS NOT NULL
    ) changed
    WHERE me.user_id = $1 AND me.joined_position <= $2 AND changed.position > $2
      AND (o.user_id <> $1 OR me.left_position IS NULL)
      AND changed.position <= coalesce(me.left_position, changed.position)
    ORDER BY changed.position, o.user_id`,
}

const LEFT_SINCE: Statement = {
  name: 'conversations left since',
  text: `
    SELECT me.conversation_id AS "conversationId", me.user_id AS "userId", 'removed' AS change, NULL AS role,
           me.left_by AS by, me.left_at AS at, me.left_position AS position
    FROM read.members me
    WHERE me.user_id = $1 AND me.left_position > $2
    ORDER BY me.left_position`,
}

/** Of conversations that this person knew before, up to their own leaving. */
const RENAMED_SINCE: Statement = {
  name: 'conversations renamed since',
  text: `
    SELECT c.conversation_id AS "conversationId", c.kind, renamed.title, renamed.by, renamed.at, renamed.position,
           coalesce(me.left_seq, c.last_seq) AS "lastSeq", (
             SELECT count(*)::int FROM read.members m
             WHERE m.conversation_id = me.conversation_id AND m.left_seq IS NULL
           ) AS "memberCount"
    FROM read.members me
    JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $2
    CROSS JOIN LATERAL (
      SELECT * FROM read.conversation_titles t
      WHERE t.conversation_id = me.conversation_id AND t.position > $2
        AND t.position <= coalesce(me.left_position, t.position)
      ORDER BY t.position DESC LIMIT 1
    ) renamed
    WHERE me.user_id = $1 AND me.joined_position <= $2
    ORDER BY renamed.position`,
}

const DELETED_SINCE: Statement = {
  name: 'messages deleted since',
  text: `
    SELECT x.conversation_id AS "conversationId", x.seq, encode(x.message_id, 'hex') AS "messageId",
           x.deleted_at AS at, x.deleted_position AS position
    FROM read.members me
    JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $2
    JOIN read.messages x ON x.conversation_id = me.conversation_id AND x.deleted_position > $2
    WHERE me.user_id = $1 AND me.history @> x.seq
      AND x.deleted_position <= coalesce(me.left_position, x.deleted_position)
    ORDER BY x.deleted_position`,
}

type Raw<T> = Omit<T, 'at' | 'position'> & { readonly at: string; readonly position: string }

export async function missedChanges(db: Database, userId: UserId, since: Position): Promise<MissedChanges> {
  const read = async <T extends object>(statement: Statement): Promise<readonly T[]> => {
    const rows = await ask<Raw<T>>(db, statement, [userId, since])
    return rows.map((row) => ({ ...row, at: millis(row.at), position: position(row.position) }) as T)
  }
  const [joined, members, left, renamed, deleted] = await Promise.all([
    read<JoinedConversation>(JOINED_SINCE),
    read<MemberChange>(MEMBERS_CHANGED_SINCE),
    read<MemberChange>(LEFT_SINCE),
    read<RenamedConversation>(RENAMED_SINCE),
    read<DeletedMessage>(DELETED_SINCE),
  ])
  return { joined, members, left, renamed, deleted }
}

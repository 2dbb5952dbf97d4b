/** What else a device missed: conversations begun or joined, people who came, went and got another role, new titles and retentions, messages whose words are gone. */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Retention } from '../../domain/retention.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

interface JoinedConversation {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  /** Null: permanent. */
  readonly retention: Retention | null
  readonly memberCount: number
  /** Null: there are more than were to be named. */
  readonly members: readonly { readonly userId: UserId; readonly role: Role }[] | null
  readonly lastSeq: Seq
  /** When this person joined it. */
  readonly at: Millis
  /** Who added this person; null: they were in it from the beginning. */
  readonly addedBy: UserId | null
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

interface ChangedConversation {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  readonly retention: Retention | null
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

/** Each kind in the order it happened. Of somebody who came and went several times, only where they are now. */
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
  readonly renamed: readonly ChangedConversation[]
  /** Likewise how long bodies are kept. */
  readonly retained: readonly ChangedConversation[]
  readonly deleted: readonly DeletedMessage[]
  /** Their time to live is over. Only those that the device may have, its own too: a message that it has missed comes without its body. */
  readonly expired: readonly DeletedMessage[]
}

/** What happened at one position stays together. */
const FIRST = 'FETCH FIRST $5 ROWS WITH TIES'

/** Of the conversation and membership `me`: how long bodies were kept when this person was last in it; null: for ever. */
const RETENTION = `(
  SELECT CASE WHEN r.seconds IS NOT NULL THEN json_build_object('mode', r.mode, 'seconds', r.seconds) END
  FROM read.conversation_retentions r
  WHERE r.conversation_id = me.conversation_id AND r.position <= coalesce(me.left_position, r.position)
  ORDER BY r.position DESC LIMIT 1) AS retention`

/** Conversations joined since. The people of a large one are counted only: of 500 full groups they were 25 MB, for nobody. */
const JOINED = `
    SELECT c.conversation_id AS "conversationId", c.kind, c.title, ${RETENTION}, c.last_seq AS "lastSeq",
           me.joined_at AS at, CASE WHEN me.joined_position > c.started_position THEN me.joined_by END AS "addedBy",
           me.joined_position::text AS position,
           everyone.count AS "memberCount", CASE WHEN everyone.count <= $4 THEN (
             SELECT json_agg(json_build_object('userId', m.user_id, 'role', m.role) ORDER BY m.user_id)
             FROM read.members m WHERE m.conversation_id = me.conversation_id AND m.left_seq IS NULL
           ) END AS members
    FROM read.members me
    JOIN read.conversations c USING (conversation_id)
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS count FROM read.members m
      WHERE m.conversation_id = me.conversation_id AND m.left_seq IS NULL
    ) everyone
    WHERE me.user_id = $1 AND me.joined_position > $2 AND me.left_seq IS NULL
    ORDER BY me.joined_position ${FIRST}`

/** Of conversations that this person knew before, up to their own leaving, which is told apart. */
const MEMBERS_CHANGED = `
    SELECT o.conversation_id AS "conversationId", o.user_id AS "userId", changed.change, changed.role, changed.by, changed.at, changed.position::text AS position
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
    ORDER BY changed.position ${FIRST}`

/** Conversations left since. */
const LEFT = `
    SELECT me.conversation_id AS "conversationId", me.user_id AS "userId", 'removed' AS change, NULL AS role,
           me.left_by AS by, me.left_at AS at, me.left_position::text AS position
    FROM read.members me
    WHERE me.user_id = $1 AND me.left_position > $2
    ORDER BY me.left_position ${FIRST}`

/** Of conversations that this person knew before, up to their own leaving. */
const changedIn = (changes: string): string => `
    SELECT c.conversation_id AS "conversationId", c.kind, (
             SELECT t.title FROM read.conversation_titles t
             WHERE t.conversation_id = me.conversation_id AND t.position <= coalesce(me.left_position, t.position)
             ORDER BY t.position DESC LIMIT 1
           ) AS title, ${RETENTION}, changed.by, changed.at, changed.position::text AS position,
           coalesce(me.left_seq, c.last_seq) AS "lastSeq", (
             SELECT count(*)::int FROM read.members m
             WHERE m.conversation_id = me.conversation_id AND CASE
               WHEN me.left_position IS NULL THEN m.left_seq IS NULL
               ELSE m.joined_position <= me.left_position AND coalesce(m.left_position >= me.left_position, true)
             END
           ) AS "memberCount"
    FROM read.members me
    JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $2
    CROSS JOIN LATERAL (
      SELECT x.by, x.at, x.position FROM ${changes} x
      WHERE x.conversation_id = me.conversation_id AND x.position > $2
        AND x.position <= coalesce(me.left_position, x.position)
      ORDER BY x.position DESC LIMIT 1
    ) changed
    WHERE me.user_id = $1 AND me.joined_position <= $2
    ORDER BY changed.position ${FIRST}`

/**
 * Messages whose words are gone, by one of the indexes that begin with the conversation and that position: of each conversation the first so
 * many, and nothing beyond $6. A page used to read and sort all that was gone since, however much, and so did the page after it.
 */
const goneIn = (kind: 'deleted' | 'expired', rest: string): string => `
    SELECT me.conversation_id AS "conversationId", gone.seq, encode(gone.message_id, 'hex') AS "messageId",
           gone.at, gone.position::text AS position
    FROM read.members me
    JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $2
    LEFT JOIN read.device_watermarks d
      ON d.conversation_id = me.conversation_id AND d.user_id = $1 AND d.device_id = $3
    CROSS JOIN LATERAL (
      SELECT x.seq, x.message_id, x.${kind}_at AS at, x.${kind}_position AS position
      FROM read.messages x
      WHERE x.conversation_id = me.conversation_id AND x.${kind}_position > $2
        AND x.${kind}_position <= least($6, me.left_position) AND me.history @> x.seq ${rest}
      ORDER BY x.${kind}_position ${FIRST}
    ) gone
    WHERE me.user_id = $1
    ORDER BY gone.position ${FIRST}`

const DELETED = goneIn('deleted', '')

/** Messages whose time to live ended since. */
const EXPIRED = goneIn(
  'expired',
  `AND x.temporary = 'ttl'
        AND (x.position <= $2 OR x.seq <= d.delivered_seq OR (x.sender_id = $1 AND x.device_id = $3))`,
)

/** One statement for all: of 1,000 who come back most have nothing of it, and the eight round trips cost more than the looking. */
const MISSED_CHANGES: Statement = {
  name: 'what else happened since',
  text: `SELECT ${Object.entries({
    joined: JOINED,
    members: MEMBERS_CHANGED,
    left: LEFT,
    renamed: changedIn('read.conversation_titles'),
    retained: changedIn('read.conversation_retentions'),
    deleted: DELETED,
    expired: EXPIRED,
  } satisfies Record<keyof MissedChanges, string>)
    .map(([name, query]) => `(SELECT json_agg(row_to_json(missed)) FROM (${query}) missed) AS "${name}"`)
    .join(', ')}`,
}

/** Positions are text: they may be larger than a number of JSON. */
type Raw<T> = T extends readonly (infer One)[]
  ? readonly (Omit<One, 'position'> & { readonly position: string })[] | null
  : never

export interface ChangesToRead {
  /** Of larger groups nobody is named. */
  readonly mostNamed: number
  /** Of each kind the earliest so many, and whatever else happened where the last of them did. */
  readonly limit: number
  /** Messages that are gone are told of up to here: those after it would be read for nothing where a page ends before. */
  readonly upTo: Position
}

export async function missedChanges(
  db: Database,
  userId: UserId,
  deviceId: DeviceId,
  since: Position,
  { mostNamed, limit, upTo }: ChangesToRead,
): Promise<MissedChanges> {
  const [row] = await ask<{ readonly [Name in keyof MissedChanges]: Raw<MissedChanges[Name]> }>(
    db,
    MISSED_CHANGES,
    [userId, since, deviceId, mostNamed, limit, upTo],
  )
  const of = <Name extends keyof MissedChanges>(name: Name): MissedChanges[Name] =>
    (row?.[name] ?? []).map((one) => ({ ...one, position: position(one.position) })) as MissedChanges[Name]
  return {
    joined: of('joined'),
    members: of('members'),
    left: of('left'),
    renamed: of('renamed'),
    retained: of('retained'),
    deleted: of('deleted'),
    expired: of('expired'),
  }
}

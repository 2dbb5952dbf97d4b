/** The conversations of a person, newest first. One row each; nothing in it was written per member (fan-out on read). */
import type { ConversationKind, Role } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { millis, millisOrNull } from './columns.ts'
import {
  MESSAGE_COLUMNS,
  type MessageRecord,
  type MessageRow,
  type OthersWatermarks,
  othersWatermarks,
  type Ticks,
  ticksOf,
  toMessage,
} from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'
import { firstUnread, UNREAD } from './unread.ts'

export interface InboxEntry {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title: string | null
  /** The other one of a direct conversation. */
  readonly peerId: UserId | null
  readonly role: Role
  /** Set when this person is no longer a member; the entry then stands as they left it. */
  readonly leftSeq: Seq | null
  /** The newest message that this person may read; null when there is none. */
  readonly lastMessage: MessageRecord | null
  readonly unread: number
  readonly firstUnreadSeq: Seq | null
  readonly earliestUnreadAt: Millis | null
  readonly deliveredSeq: Seq
  readonly deliveredAt: Millis | null
  readonly readSeq: Seq
  readonly readAt: Millis | null
  /** This person's newest message here, with its ticks. */
  readonly lastOwn: (Ticks & { readonly seq: Seq; readonly at: Millis; readonly deleted: boolean }) | null
}

export interface InboxPage {
  readonly entries: readonly InboxEntry[]
  /** For the next page; absent on the last one. */
  readonly next?: string
}

/**
 * An entry's place is the position of its newest message, or of this person's joining where that is later, or of their
 * leaving. Every event has one position, so places are unique and a page ends exactly where the next begins.
 */
const PLACE = 'coalesce(m.left_position, greatest(c.last_message_position, m.joined_position))'

const INBOX: Statement = {
  name: 'inbox of a person',
  text: `
    WITH newest AS (
      SELECT conversation_id, ${PLACE} AS place
      FROM read.members m JOIN read.conversations c USING (conversation_id)
      WHERE m.user_id = $1 AND ($2::bigint IS NULL OR ${PLACE} < $2)
      ORDER BY place DESC
      LIMIT $3
    ), page AS MATERIALIZED (
      SELECT c.conversation_id, c.kind, c.title, c.last_seq, m.user_id, m.role, m.left_seq, m.left_position, m.history,
             m.delivered_seq, m.delivered_at, m.read_seq, m.read_at, m.last_sent_seq, m.own_after_read,
             ${UNREAD} AS unread, newest.place,
             upper(m.history * int4multirange(int4range(NULL, c.last_seq + 1))) - 1 AS newest_seq
      FROM newest JOIN read.members m USING (conversation_id) JOIN read.conversations c USING (conversation_id)
      WHERE m.user_id = $1
    )
    SELECT page.conversation_id AS "conversationId", page.kind, page.role,
           CASE WHEN page.left_seq IS NULL THEN page.title ELSE (
             SELECT t.title FROM read.conversation_titles t
             WHERE t.conversation_id = page.conversation_id AND t.position <= page.left_position
             ORDER BY t.position DESC LIMIT 1
           ) END AS title, page.left_seq AS "leftSeq",
           CASE page.kind WHEN 'direct' THEN (
             SELECT peer.user_id FROM read.members peer
             WHERE peer.conversation_id = page.conversation_id AND peer.user_id <> $1
           ) END AS "peerId",
           page.unread, page.delivered_seq AS "deliveredSeq", page.delivered_at, page.read_seq AS "readSeq", page.read_at,
           page.place, unread.seq AS "firstUnreadSeq", unread.at AS earliest_unread_at, to_jsonb(others) AS others,
           own.seq AS own_seq, own.at AS own_at, own.deleted_at AS own_deleted_at, m.message_id IS NOT NULL AS has_message,
           ${MESSAGE_COLUMNS}
    FROM page
    LEFT JOIN read.messages m ON m.conversation_id = page.conversation_id
      AND m.seq = page.newest_seq
    LEFT JOIN LATERAL (
      ${firstUnread('page')}
    ) unread ON true
    LEFT JOIN read.messages own ON own.conversation_id = page.conversation_id AND own.seq = page.last_sent_seq
    LEFT JOIN LATERAL (
      SELECT ${othersWatermarks('o', '$1')}
      FROM read.members o
      WHERE page.last_sent_seq IS NOT NULL AND o.conversation_id = page.conversation_id
        AND o.user_id <> $1 AND o.left_seq IS NULL
    ) others ON true
    ORDER BY page.place DESC`,
}

type Row = MessageRow &
  Pick<
    InboxEntry,
    | 'conversationId'
    | 'kind'
    | 'title'
    | 'peerId'
    | 'role'
    | 'leftSeq'
    | 'unread'
    | 'firstUnreadSeq'
    | 'deliveredSeq'
    | 'readSeq'
  > & {
    readonly delivered_at: string | null
    readonly read_at: string | null
    readonly place: string
    readonly earliest_unread_at: string | null
    readonly others: OthersWatermarks
    readonly own_seq: Seq | null
    readonly own_at: string | null
    readonly own_deleted_at: string | null
    readonly has_message: boolean
  }

/** @param after `next` of the page before. Anything else that is not such a cursor gives `null`. */
export async function inbox(
  db: Database,
  userId: UserId,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<InboxPage | null> {
  const place = after === undefined ? null : placeOf(after)
  if (place === undefined) return null
  const rows = await ask<Row>(db, INBOX, [userId, place, limit + 1])
  const entries = rows.slice(0, limit).map(toEntry)
  const last = rows[limit - 1]
  return rows.length > limit && last ? { entries, next: cursorOf(last.place) } : { entries }
}

function toEntry(row: Row): InboxEntry {
  return {
    conversationId: row.conversationId,
    kind: row.kind,
    title: row.title,
    peerId: row.peerId,
    role: row.role,
    leftSeq: row.leftSeq,
    lastMessage: row.has_message ? toMessage(row) : null,
    unread: row.unread,
    firstUnreadSeq: row.firstUnreadSeq,
    earliestUnreadAt: millisOrNull(row.earliest_unread_at),
    deliveredSeq: row.deliveredSeq,
    deliveredAt: millisOrNull(row.delivered_at),
    readSeq: row.readSeq,
    readAt: millisOrNull(row.read_at),
    lastOwn:
      row.own_seq === null || row.own_at === null
        ? null
        : {
            seq: row.own_seq,
            at: millis(row.own_at),
            deleted: row.own_deleted_at !== null,
            ...ticksOf(row.own_seq, row.others),
          },
  }
}

/** Opaque to clients, so that what an entry's place is may change. */
const cursorOf = (place: string): string => Buffer.from(`p${place}`).toString('base64url')

function placeOf(cursor: string): string | undefined {
  return /^p(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1]
}

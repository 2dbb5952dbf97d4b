/** The read models as clients see them over HTTP. Pure. */
import type { HistoryMessage, HistoryPage } from '../../projections/queries/history.ts'
import type { InboxEntry } from '../../projections/queries/inbox.ts'
import type { Membership } from '../../projections/queries/membership.ts'
import type { MessageRecord, Ticks } from '../../projections/queries/message.ts'
import type { OpenedBody } from './open-bodies.ts'

/** ✓ `sent`, ✓✓ `delivered` to everybody, blue `read` by everybody. */
export type Tick = 'sent' | 'delivered' | 'read'

export const tickOf = ({ deliveredToAll, readByAll }: Ticks): Tick =>
  readByAll ? 'read' : deliveredToAll ? 'delivered' : 'sent'

export const messageView = (
  record: Omit<MessageRecord, 'position' | 'body' | 'expiredAt' | 'deletedAt'>,
  opened: OpenedBody,
) => ({
  conversationId: record.conversationId,
  seq: record.seq,
  messageId: record.messageId,
  senderId: record.senderId,
  deviceId: record.deviceId,
  at: record.at,
  nonce: record.nonce,
  clientAt: record.clientAt,
  ...(record.temporary ? { temporary: record.temporary } : {}),
  ...opened,
})

export const historyView = (message: HistoryMessage, opened: OpenedBody) => ({
  ...messageView(message, opened),
  ...(message.ticks ? { ticks: tickOf(message.ticks) } : {}),
})

/** A page of a history: where it stands in what its reader may read, and what of that they have not read yet. */
export const historyPageView = (
  messages: readonly ReturnType<typeof historyView>[],
  { before, after, around }: Pick<HistoryPage, 'before' | 'after' | 'around'>,
  membership: Membership,
) => {
  // Without a message the page still has a place: between what is before `after` and what is not before `before`.
  const from = messages[0]?.seq ?? (after ?? around ?? -1) + 1
  const to = messages.at(-1)?.seq ?? (before ?? Number.POSITIVE_INFINITY) - 1
  const { firstReadableSeq: first, lastReadableSeq: last } = membership
  return {
    messages,
    hasMoreBefore: first !== null && first < from,
    hasMoreAfter: last !== null && last > to,
    unread: membership.unread,
    firstUnreadSeq: membership.firstUnreadSeq,
    earliestUnreadAt: membership.earliestUnreadAt,
    readUpTo: membership.readSeq,
  }
}

export const inboxView = (entry: InboxEntry, opened: OpenedBody | undefined) => ({
  conversationId: entry.conversationId,
  kind: entry.kind,
  title: entry.title,
  peerId: entry.peerId,
  role: entry.role,
  member: entry.leftSeq === null,
  lastMessage: entry.lastMessage && opened ? messageView(entry.lastMessage, opened) : null,
  unread: entry.unread,
  firstUnreadSeq: entry.firstUnreadSeq,
  earliestUnreadAt: entry.earliestUnreadAt,
  deliveredUpTo: entry.deliveredSeq,
  readUpTo: entry.readSeq,
  lastOwnMessage: entry.lastOwn
    ? { seq: entry.lastOwn.seq, at: entry.lastOwn.at, ticks: tickOf(entry.lastOwn) }
    : null,
})

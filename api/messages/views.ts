/** The read models as clients see them over HTTP. Pure. */
import type { HistoryMessage } from '../../projections/queries/history.ts'
import type { InboxEntry } from '../../projections/queries/inbox.ts'
import type { MessageRecord, Ticks } from '../../projections/queries/message.ts'
import type { OpenedBody } from './open-bodies.ts'

/** ✓ `sent`, ✓✓ `delivered` to everybody, blue `read` by everybody. */
export type Tick = 'sent' | 'delivered' | 'read'

export const tickOf = ({ deliveredToAll, readByAll }: Ticks): Tick =>
  readByAll ? 'read' : deliveredToAll ? 'delivered' : 'sent'

export const messageView = (
  record: Omit<MessageRecord, 'position' | 'body' | 'deletedAt'>,
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
  ...opened,
})

export const historyView = (message: HistoryMessage, opened: OpenedBody) => ({
  ...messageView(message, opened),
  ...(message.ticks ? { ticks: tickOf(message.ticks) } : {}),
})

export const inboxView = (entry: InboxEntry, opened: OpenedBody | undefined) => ({
  conversationId: entry.conversationId,
  kind: entry.kind,
  title: entry.title,
  role: entry.role,
  member: entry.leftSeq === null,
  lastMessage: entry.lastMessage && opened ? messageView(entry.lastMessage, opened) : null,
  unread: entry.unread,
  earliestUnreadAt: entry.earliestUnreadAt,
  deliveredUpTo: entry.deliveredSeq,
  readUpTo: entry.readSeq,
  lastOwnMessage: entry.lastOwn
    ? { seq: entry.lastOwn.seq, at: entry.lastOwn.at, ticks: tickOf(entry.lastOwn) }
    : null,
})

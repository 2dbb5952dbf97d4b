/** Folds a batch of events in memory into the rows it changes, and those into statements. Touches no database. */
import type { LedgerEvent } from '../../domain/events.ts'
import { NO_SEQ, type UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { ReadSchema } from '../schema.ts'
import {
  type ConversationChanges,
  conversationWrites,
  moveConversation,
  sendInConversation,
  startConversation,
} from './conversations.ts'
import { type AttemptChanges, attemptWrites } from './delivery-attempts.ts'
import {
  acknowledge,
  changeRole,
  join,
  leave,
  type MemberChange,
  type MemberChanges,
  memberOf,
  send,
} from './member-change.ts'
import { memberWrites } from './members.ts'
import { addMessage, deleteMessage, expireMessage, type MessageChanges, messageWrites } from './messages.ts'
import { addReceipt, type ReceiptChanges, receiptWrites } from './receipts.ts'
import { type RetentionChanges, retentionWrites } from './retentions.ts'
import { addTitle, type TitleChanges, titleWrites } from './titles.ts'
import { foldUserEvent, type UserChanges, userWrites } from './users.ts'
import type { Write } from './write.ts'

export interface Batch {
  readonly conversations: ConversationChanges
  readonly titles: TitleChanges
  readonly retentions: RetentionChanges
  readonly members: MemberChanges
  readonly messages: MessageChanges
  readonly receipts: ReceiptChanges
  readonly attempts: AttemptChanges
  readonly users: UserChanges
}

export const emptyBatch = (): Batch => ({
  conversations: new Map(),
  titles: [],
  retentions: [],
  members: new Map(),
  messages: { sent: new Map(), deleted: new Map(), expired: new Map() },
  receipts: { receipts: [], devices: new Map() },
  attempts: [],
  users: { seen: new Map(), devices: new Map(), privacy: new Map() },
})

/**
 * Folds one event into the batch, in place. What would contradict stored rows must contradict the rows of this batch too,
 * or else the result would depend on where batches end.
 * @throws UnapplicableEvent; the batch is as it was then.
 */
export function foldEvent(batch: Batch, event: LedgerEvent, position: Position): void {
  if ('userId' in event && !('conversationId' in event)) return foldUserEvent(batch.users, event, position)
  const { conversationId } = event
  const member = (userId: UserId): MemberChange => memberOf(batch.members, conversationId, userId)
  switch (event.type) {
    case 'ConversationStarted': {
      const { at, by } = event
      startConversation(batch.conversations, event, position)
      if (event.title !== undefined) addTitle(batch.titles, event, position)
      for (const { userId, role } of event.members) {
        join(member(userId), { role, afterSeq: NO_SEQ, at, by, position })
      }
      return
    }
    case 'MemberAdded': {
      const { role, afterSeq, at, by } = event
      join(member(event.userId), { role, afterSeq, at, by, position })
      break
    }
    case 'MemberRemoved':
      leave(member(event.userId), event, position)
      break
    case 'MemberRoleChanged':
      changeRole(member(event.userId), event, position)
      break
    case 'ConversationRenamed':
      addTitle(batch.titles, event, position)
      break
    case 'MessageSent':
      sendInConversation(batch.conversations, event, position)
      addMessage(batch.messages, event, position)
      send(member(event.senderId), event.seq)
      return
    case 'MessageDeleted':
      deleteMessage(batch.messages, event, position)
      break
    case 'MessageExpired':
      expireMessage(batch.messages, event, position)
      break
    case 'RetentionChanged':
      batch.retentions.push({ event, position })
      break
    case 'MessageDelivered':
    case 'MessageRead':
      addReceipt(batch.receipts, event, position)
      acknowledge(member(event.userId), event, position)
      break
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      batch.attempts.push({ event, position })
      break
    default:
      event satisfies never
  }
  moveConversation(batch.conversations, conversationId, position)
}

/** To be run in this order, in one transaction. */
export const writesOf = (schema: ReadSchema, batch: Batch): Write[] => [
  ...conversationWrites(schema, batch.conversations),
  ...titleWrites(schema, batch.titles),
  ...retentionWrites(schema, batch.retentions),
  ...messageWrites(schema, batch.messages),
  ...memberWrites(schema, batch.members),
  ...receiptWrites(schema, batch.receipts),
  ...attemptWrites(schema, batch.attempts),
  ...userWrites(schema, batch.users),
]

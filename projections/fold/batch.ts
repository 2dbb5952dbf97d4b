/** Folds a batch of events in memory into the rows it changes, and those into statements. Touches no database. */
import type { DomainEvent } from '../../domain/events.ts'
import { NO_SEQ } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { ReadSchema } from '../schema.ts'
import { type ConversationChanges, conversationWrites, moveConversation } from './conversations.ts'
import { type AttemptChanges, attemptWrites } from './delivery-attempts.ts'
import { acknowledge, join, leave, type MemberChanges, memberOf, send } from './member-change.ts'
import { memberWrites } from './members.ts'
import { addMessage, deleteMessage, type MessageChanges, messageWrites } from './messages.ts'
import { addReceipt, type ReceiptChanges, receiptWrites } from './receipts.ts'
import type { Write } from './write.ts'

export interface Batch {
  readonly conversations: ConversationChanges
  readonly members: MemberChanges
  readonly messages: MessageChanges
  readonly receipts: ReceiptChanges
  readonly attempts: AttemptChanges
}

export const emptyBatch = (): Batch => ({
  conversations: new Map(),
  members: new Map(),
  messages: { sent: new Map(), deleted: [] },
  receipts: { receipts: [], devices: new Map() },
  attempts: [],
})

/** Folds one event into the batch, in place. */
export function foldEvent(batch: Batch, event: DomainEvent, position: Position): void {
  const { conversationId } = event
  const conversation = moveConversation(batch.conversations, conversationId, position)
  switch (event.type) {
    case 'ConversationStarted': {
      conversation.started = { event, position }
      const { at, by } = event
      for (const { userId, role } of event.members) {
        join(memberOf(batch.members, conversationId, userId), { role, afterSeq: NO_SEQ, at, by, position })
      }
      return
    }
    case 'MemberAdded': {
      const { userId, role, afterSeq, at, by } = event
      join(memberOf(batch.members, conversationId, userId), { role, afterSeq, at, by, position })
      return
    }
    case 'MemberRemoved':
      leave(memberOf(batch.members, conversationId, event.userId), event, position)
      return
    case 'MessageSent':
      conversation.message = { seq: event.seq, at: event.at, position }
      addMessage(batch.messages, event, position)
      send(memberOf(batch.members, conversationId, event.senderId), event.seq)
      return
    case 'MessageDeleted':
      deleteMessage(batch.messages, event, position)
      return
    case 'MessageDelivered':
    case 'MessageRead':
      addReceipt(batch.receipts, event, position)
      acknowledge(memberOf(batch.members, conversationId, event.userId), event, position)
      return
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      batch.attempts.push({ event, position })
      return
    default:
      event satisfies never
  }
}

/** To be run in this order, in one transaction. */
export const writesOf = (schema: ReadSchema, batch: Batch): Write[] => [
  ...conversationWrites(schema, batch.conversations),
  ...messageWrites(schema, batch.messages),
  ...memberWrites(schema, batch.members),
  ...receiptWrites(schema, batch.receipts),
  ...attemptWrites(schema, batch.attempts),
]

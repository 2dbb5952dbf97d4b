/** What the ledger holds of a replay, read from beginning to end; knows nothing of what any client saw. */
import type { ConversationId, MessageId, UserId } from '../../domain/ids.ts'
import { decode } from '../../ledger/codec/decode.ts'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import { CONVERSATION_PREFIXES } from '../../ledger/streams.ts'

export interface HeldMessage {
  readonly messageId: MessageId
  readonly senderId: UserId
}

export interface HeldConversation {
  readonly members: readonly UserId[]
  /** By seq − 1. */
  readonly messages: HeldMessage[]
  /** By person; a device each, since everybody has one here. */
  readonly delivered: Map<UserId, number>
  readonly read: Map<UserId, number>
}

export interface Held {
  readonly conversations: ReadonlyMap<ConversationId, HeldConversation>
  readonly events: number
  /** Messages or receipts that are there twice. */
  doubled: number
  /** A seq or a range that does not join on to the one before. */
  outOfOrder: number
}

/** @param run whose people these are: other conversations are left out. */
export async function readHeld(ledger: Ledger, after: Position, run: string): Promise<Held> {
  const conversations = new Map<ConversationId, HeldConversation>()
  const ids = new Set<MessageId>()
  let events = 0
  const faults = { doubled: 0, outOfOrder: 0 }

  for await (const recorded of ledger.readAll({ after, prefixes: CONVERSATION_PREFIXES })) {
    const event = decode(recorded)
    if (event.type === 'ConversationStarted' && event.by.startsWith(`${run}.`)) {
      const members = event.members.map(({ userId }) => userId)
      conversations.set(event.conversationId, {
        members,
        messages: [],
        delivered: new Map(),
        read: new Map(),
      })
    }
    const conversation = conversations.get(event.conversationId)
    if (!conversation) continue
    events++
    if (event.type === 'MessageSent') {
      const { seq, messageId, senderId } = event
      const expected = conversation.messages.length + 1
      if (seq < expected || ids.has(messageId)) faults.doubled++
      else if (seq > expected) faults.outOfOrder++
      ids.add(messageId)
      conversation.messages.push({ messageId, senderId })
    } else if (event.type === 'MessageDelivered' || event.type === 'MessageRead') {
      const watermarks = event.type === 'MessageRead' ? conversation.read : conversation.delivered
      const before = watermarks.get(event.userId) ?? 0
      if (event.fromSeq <= before) faults.doubled++
      else if (event.fromSeq > before + 1) faults.outOfOrder++
      watermarks.set(event.userId, event.toSeq)
    }
  }
  return { conversations, events, ...faults }
}

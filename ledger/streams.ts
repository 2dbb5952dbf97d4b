/** The names of the streams. No other file knows them. */
import type { DomainEvent } from '../domain/events.ts'
import type { ConversationId } from '../domain/ids.ts'
import type { StreamName } from './ledger.ts'

const CONVERSATION = 'conversation-'
const DELIVERY = 'delivery-'

/** Prefixes of the streams that hold the facts of conversations. */
export const CONVERSATION_PREFIXES: readonly string[] = [CONVERSATION, DELIVERY]
/** The prefix of the streams that hold the messages themselves. */
export const MESSAGE_PREFIXES: readonly string[] = [CONVERSATION]

export const conversationStream = (id: ConversationId): StreamName => `${CONVERSATION}${id}` as StreamName
export const deliveryStream = (id: ConversationId): StreamName => `${DELIVERY}${id}` as StreamName

/** The conversation that a stream belongs to, or `undefined` for streams of other things. */
export function conversationOf(stream: StreamName): ConversationId | undefined {
  for (const prefix of CONVERSATION_PREFIXES) {
    if (stream.startsWith(prefix)) return stream.slice(prefix.length) as ConversationId
  }
  return undefined
}

export function streamOf(event: DomainEvent<unknown>): StreamName {
  switch (event.type) {
    case 'ConversationStarted':
    case 'MemberAdded':
    case 'MemberRemoved':
    case 'MemberRoleChanged':
    case 'ConversationRenamed':
    case 'MessageSent':
    case 'MessageDeleted':
      return conversationStream(event.conversationId)
    case 'MessageDelivered':
    case 'MessageRead':
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      return deliveryStream(event.conversationId)
    default:
      return event satisfies never
  }
}

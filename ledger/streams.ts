/** The names of the streams. No other file knows them. */
import type { LedgerEvent } from '../domain/events.ts'
import type { ConversationId, UserId } from '../domain/ids.ts'
import type { StreamName } from './ledger.ts'

const CONVERSATION = 'conversation-'
const DELIVERY = 'delivery-'
const USER = 'user-'

/** Prefixes of the streams that hold the facts of conversations. */
export const CONVERSATION_PREFIXES: readonly string[] = [CONVERSATION, DELIVERY]
/** Prefixes of the streams that read models are made of. */
export const PROJECTED_PREFIXES: readonly string[] = [...CONVERSATION_PREFIXES, USER]
/** The prefix of the streams that hold the messages themselves. */
export const MESSAGE_PREFIXES: readonly string[] = [CONVERSATION]

export const conversationStream = (id: ConversationId): StreamName => `${CONVERSATION}${id}` as StreamName
export const deliveryStream = (id: ConversationId): StreamName => `${DELIVERY}${id}` as StreamName
export const userStream = (id: UserId): StreamName => `${USER}${id}` as StreamName

/** The conversation that a stream belongs to, or `undefined` for streams of other things. */
export function conversationOf(stream: StreamName): ConversationId | undefined {
  for (const prefix of CONVERSATION_PREFIXES) {
    if (stream.startsWith(prefix)) return stream.slice(prefix.length) as ConversationId
  }
  return undefined
}

/**
 * What the events of a stream belong to, which no reader may apply out of order: its conversation, or the person that it is
 * about, by the name of their stream. `undefined` for streams that no read model is made of.
 */
export const subjectOf = (stream: StreamName): string | undefined =>
  conversationOf(stream) ?? (stream.startsWith(USER) ? stream : undefined)

export function streamOf(event: LedgerEvent<unknown>): StreamName {
  switch (event.type) {
    case 'ConversationStarted':
    case 'MemberAdded':
    case 'MemberRemoved':
    case 'MemberRoleChanged':
    case 'ConversationRenamed':
    case 'MessageSent':
    case 'MessageDeleted':
    case 'MessageExpired':
    case 'RetentionChanged':
      return conversationStream(event.conversationId)
    case 'MessageDelivered':
    case 'MessageRead':
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      return deliveryStream(event.conversationId)
    case 'UserSeen':
    case 'DeviceConnected':
    case 'DeviceDisconnected':
    case 'PrivacyChanged':
      return userStream(event.userId)
    default:
      return event satisfies never
  }
}

/** Messages as a sender's device makes them, with the id that proves their content. Hashes with Node's crypto; sends nothing. */
import { createHash, randomBytes } from 'node:crypto'
import type { Body } from '../domain/body.ts'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../domain/ids.ts'
import { canonicalContent, type MessageContent } from '../protocol/message-id.ts'

export interface ComposedMessage {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly nonce: string
  readonly clientAt: Millis
  readonly body: Body
}

/** Lowercase hex SHA-256 over the canonical content (protocol, "messageId"). */
export const messageIdOf = (content: MessageContent): MessageId =>
  createHash('sha256').update(canonicalContent(content)).digest('hex') as MessageId

/** A message with an id of its own. Keep it until it is `sent`: sending the same one again is harmless. */
export function compose(
  sender: { readonly userId: UserId; readonly deviceId: DeviceId },
  conversationId: ConversationId,
  body: Body,
): ComposedMessage {
  const nonce = randomBytes(12).toString('base64url')
  const clientAt = Date.now() as Millis
  const { userId: senderId, deviceId } = sender
  const messageId = messageIdOf({ body, clientAt, conversationId, deviceId, nonce, senderId })
  return { conversationId, messageId, nonce, clientAt, body }
}

/** What a message id covers (`protocol.md`, "messageId"). Hashing is left to the caller: browsers and Node differ there. */
import type { Body } from '../domain/body.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { ConversationId, DeviceId, Millis, UserId } from '../domain/ids.ts'

export interface MessageContent {
  readonly body: Body
  readonly clientAt: Millis
  readonly conversationId: ConversationId
  readonly deviceId: DeviceId
  readonly nonce: string
  readonly senderId: UserId
}

/** RFC 8785 canonical JSON of the content; the message id is the lowercase hex SHA-256 of its UTF-8. */
export const canonicalContent = (content: MessageContent): string => {
  const { body, clientAt, conversationId, deviceId, nonce, senderId } = content
  return canonicalJson({ body, clientAt, conversationId, deviceId, nonce, senderId })
}

/** What people ask, as commands: size and id verified, the time stamped, the envelope made. The same for WebSocket and HTTP. */
import { hash } from 'node:crypto'
import { v4 as uuidv4 } from 'uuid'
import type { Body } from '../../domain/body.ts'
import type { Delete, Send } from '../../domain/conversation/commands.ts'
import type { Acknowledge } from '../../domain/delivery/commands.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Addressed } from '../../ledger/mailbox/contract.ts'
import { excessOf } from '../../protocol/body.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { hasLoneSurrogate } from '../../protocol/fields.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { canonicalContent } from '../../protocol/message-id.ts'

export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
}

export interface SendRequest {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly nonce: string
  readonly clientAt: Millis
  readonly body: Body
}

export const now = (): Millis => Date.now() as Millis

export function sendCommand(
  request: SendRequest,
  senderId: UserId,
  deviceId: DeviceId,
): Addressed<Send> | Refusal {
  const { conversationId, messageId, nonce, clientAt, body } = request
  const excess = excessOf(body)
  if (excess !== undefined) return { code: 'too_large', message: excess }
  const content = canonicalContent({ body, clientAt, conversationId, deviceId, nonce, senderId })
  if (Buffer.byteLength(content) > LIMITS.contentBytes) {
    return { code: 'too_large', message: `the message is over ${LIMITS.contentBytes} bytes` }
  }
  if (hasLoneSurrogate(content)) return { code: 'bad_frame', message: 'the body contains a lone surrogate' }
  if (hash('sha256', content) !== messageId) {
    // These two are not in the frame, and what its client took for them is what is mostly wrong.
    const by = `sent by "${senderId}" on the device "${deviceId}"`
    return { code: 'id_mismatch', message: `messageId is not the SHA-256 of the canonical content, ${by}` }
  }
  return {
    type: 'send',
    at: now(),
    by: senderId,
    messageId,
    deviceId,
    nonce,
    clientAt,
    body,
    // The message's own id: whoever sends it again gives the same command.
    envelope: {
      commandId: messageId,
      actorId: senderId,
      actorKind: 'user',
      deviceId,
      occurredAt: clientAt,
    },
  }
}

export function acknowledgeCommand(
  kind: 'delivered' | 'read',
  conversationId: ConversationId,
  upTo: Seq,
  userId: UserId,
  deviceId: DeviceId,
): Addressed<Acknowledge> {
  return {
    type: 'acknowledge',
    at: now(),
    kind,
    userId,
    deviceId,
    upTo,
    envelope: {
      commandId: `${kind} ${conversationId} ${userId} ${deviceId} ${upTo}`,
      actorId: userId,
      actorKind: 'user',
      deviceId,
    },
  }
}

export function deleteCommand(messageId: MessageId, by: UserId, deviceId?: DeviceId): Addressed<Delete> {
  return { type: 'delete', at: now(), by, messageId, envelope: userEnvelope(by, deviceId) }
}

/** For commands that have no id of their own. */
export const userEnvelope = (userId: UserId, deviceId?: DeviceId): Addressed<Delete>['envelope'] => ({
  commandId: uuidv4(),
  actorId: userId,
  actorKind: 'user',
  ...(deviceId === undefined ? {} : { deviceId }),
})

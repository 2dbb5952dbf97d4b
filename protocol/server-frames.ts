/** What the server sends over the WebSocket. */
import type { Body } from '../domain/body.ts'
import type { ConversationKind, Role } from '../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../domain/ids.ts'
import type { ErrorCode } from './errors.ts'
import type { LIMITS } from './limits.ts'

export type Ref = number | string

export interface WelcomeFrame {
  readonly t: 'welcome'
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly node: string
  readonly protocol: 1
  /** Where this device's catching up begins. */
  readonly position: string
  readonly heartbeatMs: number
  readonly limits: typeof LIMITS
}

/** Everything up to `position` has been sent to this device. */
export interface LiveFrame {
  readonly t: 'live'
  readonly position: string
}

/** The message is durable. A resend gets the same answer. */
export interface SentFrame {
  readonly t: 'sent'
  readonly ref: Ref
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly seq: Seq
  readonly at: Millis
}

export interface MessageFrame {
  readonly t: 'message'
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly messageId: MessageId
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly at: Millis
  /** For checking the `messageId`, which covers both. */
  readonly nonce: string
  readonly clientAt: Millis
  /** Absent when the message was deleted or its body is gone; then `gone` says which. */
  readonly body?: Body
  readonly gone?: 'deleted' | 'erased'
}

export interface ReceiptFrame {
  readonly t: 'receipt'
  /** Only in the answer to a `delivered` or `read` that carried one: the receipt is durable. */
  readonly ref?: Ref
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly kind: 'delivered' | 'read'
  readonly upTo: Seq
  readonly at: Millis
}

export interface DeletedFrame {
  readonly t: 'deleted'
  readonly ref?: Ref
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly messageId: MessageId
  readonly at: Millis
}

export interface MemberFrame {
  readonly t: 'member'
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly change: 'added' | 'removed'
  readonly by: UserId
  readonly at: Millis
}

/** A conversation that this person is in from now on. */
export interface ConversationFrame {
  readonly t: 'conversation'
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  readonly title?: string
  readonly memberCount: number
  /** Absent in large groups: `GET /v1/conversations/:id` has them all. */
  readonly members?: readonly { readonly userId: UserId; readonly role: Role }[]
  readonly lastSeq: Seq
  readonly at: Millis
}

export interface ErrorFrame {
  readonly t: 'error'
  readonly ref?: Ref
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly retryAfterMs?: number
}

export interface PongFrame {
  readonly t: 'pong'
  /** Everything up to here has been sent to this device. */
  readonly position: string
}

export type ServerFrame =
  | WelcomeFrame
  | LiveFrame
  | SentFrame
  | MessageFrame
  | ReceiptFrame
  | DeletedFrame
  | MemberFrame
  | ConversationFrame
  | ErrorFrame
  | PongFrame

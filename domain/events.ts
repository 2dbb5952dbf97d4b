/**
 * The facts of a conversation. A fact never changes its meaning: a new meaning is a new type or a new schema version.
 * `docs/events.md` describes every field; `test/fixtures/events` keeps a golden file of each type and version.
 */
import type { Body, SealedBody } from './body.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from './ids.ts'
import type { ExpiryReason, Retention, Temporary } from './retention.ts'

export type ConversationKind = 'direct' | 'group'
export type Role = 'admin' | 'member'

export interface StartingMember {
  readonly userId: UserId
  readonly role: Role
}

interface Fact {
  readonly conversationId: ConversationId
  /** When the fact was recorded: server's clock, never before an earlier fact of the same stream. */
  readonly at: Millis
}

export interface ConversationStarted extends Fact {
  readonly type: 'ConversationStarted'
  readonly kind: ConversationKind
  readonly members: readonly StartingMember[]
  readonly title?: string
  readonly by: UserId
}

export interface MemberAdded extends Fact {
  readonly type: 'MemberAdded'
  readonly userId: UserId
  readonly role: Role
  readonly by: UserId
  /** Last seq before this person came: messages up to here do not concern them. */
  readonly afterSeq: Seq
}

export interface MemberRemoved extends Fact {
  readonly type: 'MemberRemoved'
  readonly userId: UserId
  /** The person themself, when they left. */
  readonly by: UserId
  /** Last seq that this person was a member for. */
  readonly afterSeq: Seq
}

export interface MemberRoleChanged extends Fact {
  readonly type: 'MemberRoleChanged'
  readonly userId: UserId
  /** The new one. */
  readonly role: Role
  /** An admin; where the last one left, they who left: the group was handed over. */
  readonly by: UserId
}

export interface ConversationRenamed extends Fact {
  readonly type: 'ConversationRenamed'
  /** Absent: it has no title any more. */
  readonly title?: string
  readonly by: UserId
}

/** `B` is `Body` when decided and `SealedBody` when read back from the ledger. */
export interface MessageSent<B = SealedBody> extends Fact {
  readonly type: 'MessageSent'
  readonly seq: Seq
  readonly messageId: MessageId
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly nonce: string
  /** The sender's clock: part of the message's id, otherwise informative. */
  readonly clientAt: Millis
  /** Present where the body is not in the ledger but beside it, until it is due. */
  readonly temporary?: Temporary
  readonly body: B
}

export interface MessageDeleted extends Fact {
  readonly type: 'MessageDeleted'
  readonly seq: Seq
  readonly messageId: MessageId
  readonly by: UserId
}

/** The temporary body of a message is destroyed. The message stays, and so does the hash of its body. */
export interface MessageExpired extends Fact {
  readonly type: 'MessageExpired'
  readonly seq: Seq
  readonly messageId: MessageId
  readonly reason: ExpiryReason
}

/** Counts for the messages after it. */
export interface RetentionChanged extends Fact {
  readonly type: 'RetentionChanged'
  readonly retention: Retention
  readonly by: UserId
}

interface ReceiptRange extends Fact {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** First seq that this receipt adds, inclusive. */
  readonly fromSeq: Seq
  /** The new watermark, inclusive. */
  readonly toSeq: Seq
}

/** This device has everything up to `toSeq`. */
export interface MessageDelivered extends ReceiptRange {
  readonly type: 'MessageDelivered'
}

/** The person has read everything up to `toSeq`, on this device. */
export interface MessageRead extends ReceiptRange {
  readonly type: 'MessageRead'
}

export type DeliveryChannel = 'socket' | 'web-push'
export type AttemptOutcome = 'pushed' | 'offline' | 'failed'

/** One try of the delivery worker to reach a person who did not acknowledge. */
export interface DeliveryAttempted extends Fact {
  readonly type: 'DeliveryAttempted'
  readonly userId: UserId
  readonly deviceId?: DeviceId
  readonly fromSeq: Seq
  readonly toSeq: Seq
  readonly channel: DeliveryChannel
  /** 1 for the first try since the person last acknowledged. */
  readonly attempt: number
  readonly outcome: AttemptOutcome
  readonly error?: string
}

/** The delivery worker gives up until something new happens; the messages still wait for the person's return. */
export interface DeliveryExhausted extends Fact {
  readonly type: 'DeliveryExhausted'
  readonly userId: UserId
  readonly fromSeq: Seq
  readonly toSeq: Seq
  readonly attempts: number
}

/** Facts of the stream `conversation-<id>`. */
export type ConversationEvent<B = SealedBody> =
  | ConversationStarted
  | MemberAdded
  | MemberRemoved
  | MemberRoleChanged
  | ConversationRenamed
  | MessageSent<B>
  | MessageDeleted
  | MessageExpired
  | RetentionChanged

/** Facts of the stream `delivery-<id>`. */
export type DeliveryEvent = MessageDelivered | MessageRead | DeliveryAttempted | DeliveryExhausted

export type DomainEvent<B = SealedBody> = ConversationEvent<B> | DeliveryEvent

/** Whether others are shown something of a person. Whoever hides it is not shown it of others either. */
export type Sharing = 'shared' | 'hidden'

export interface Privacy {
  readonly lastSeen: Sharing
  readonly readReceipts: Sharing
}

interface UserFact {
  readonly userId: UserId
  /** As in `Fact`. */
  readonly at: Millis
}

/** The person did something themself: sent, read, typed, opened. At most once a minute. */
export interface UserSeen extends UserFact {
  readonly type: 'UserSeen'
  readonly deviceId?: DeviceId
}

interface ConnectionFact extends UserFact {
  readonly deviceId: DeviceId
  /** One connection of this device; no two are named the same. */
  readonly connection: string
  /** The api node that it is, or was, connected to. */
  readonly node: string
}

export interface DeviceConnected extends ConnectionFact {
  readonly type: 'DeviceConnected'
}

/** `closed`: the connection ended. `replaced`: by a newer one of this device. `node-lost`: its node died, and another says so. */
export type DisconnectReason = 'closed' | 'replaced' | 'node-lost'

export interface DeviceDisconnected extends ConnectionFact {
  readonly type: 'DeviceDisconnected'
  readonly reason: DisconnectReason
  /** When the person last did something on this connection, where its node could still tell. */
  readonly seenAt?: Millis
}

/** From now on this is what others are shown; what was not shared before stays so. */
export interface PrivacyChanged extends UserFact, Privacy {
  readonly type: 'PrivacyChanged'
}

/** Facts of the stream `user-<id>`: what belongs to no conversation. */
export type UserEvent = UserSeen | DeviceConnected | DeviceDisconnected | PrivacyChanged

/** Everything that the ledger may hold. */
export type LedgerEvent<B = SealedBody> = DomainEvent<B> | UserEvent

/** The body of a message as the sender wrote it, before sealing. */
export type UnsealedEvent = DomainEvent<Body>

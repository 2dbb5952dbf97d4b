/** What people ask of a conversation. Times and ids come with the command: the domain has no clock and no dice. */
import type { Body } from '../body.ts'
import type { Decision, NeedsMessage } from '../decision.ts'
import type { ConversationEvent, ConversationKind, Role } from '../events.ts'
import type { DeviceId, MessageId, Millis, Seq, UserId } from '../ids.ts'
import type { ExpiryReason, Retention } from '../retention.ts'
import type { KnownMessage } from './recent-messages.ts'

interface Asked {
  /** Now, by the server's clock. */
  readonly at: Millis
  readonly by: UserId
}

export interface Start extends Asked {
  readonly type: 'start'
  readonly kind: ConversationKind
  /** The other members; `by` is always one too. */
  readonly members: readonly UserId[]
  readonly title?: string
  /** Absent: permanent. */
  readonly retention?: Retention
}

/** What a look-up by `messageId` gave. */
export interface LookUp {
  /** Or `null`: there was none among the messages that `asked` names. */
  readonly found: KnownMessage | null
  /** The decision that asked for it. */
  readonly asked: NeedsMessage
}

interface MayNeedMessage {
  readonly messageId: MessageId
  readonly lookUp?: LookUp
}

export interface Send extends Asked, MayNeedMessage {
  readonly type: 'send'
  readonly deviceId: DeviceId
  readonly nonce: string
  readonly clientAt: Millis
  readonly body: Body
}

export interface Delete extends Asked, MayNeedMessage {
  readonly type: 'delete'
}

export interface AddMembers extends Asked {
  readonly type: 'add-members'
  readonly userIds: readonly UserId[]
}

export interface RemoveMember extends Asked {
  readonly type: 'remove-member'
  readonly userId: UserId
}

export interface ChangeRole extends Asked {
  readonly type: 'change-role'
  readonly userId: UserId
  readonly role: Role
}

export interface Rename extends Asked {
  readonly type: 'rename'
  /** Absent: no title any more. */
  readonly title?: string
}

export interface ChangeRetention extends Asked {
  readonly type: 'change-retention'
  readonly retention: Retention
}

/** Nobody asks for it: these temporary bodies were due, and are destroyed. */
export interface Expire extends Pick<Asked, 'at'> {
  readonly type: 'expire'
  readonly messages: readonly {
    readonly seq: Seq
    readonly messageId: MessageId
    readonly reason: ExpiryReason
  }[]
}

export type ConversationCommand =
  | Start
  | Send
  | Delete
  | AddMembers
  | RemoveMember
  | ChangeRole
  | Rename
  | ChangeRetention
  | Expire

/** The answers, by command. */
export interface ConversationResults {
  start: { readonly created: boolean }
  send: { readonly seq: Seq; readonly at: Millis }
  delete: { readonly seq: Seq; readonly at: Millis }
  'add-members': { readonly added: readonly { readonly userId: UserId; readonly role: Role }[] }
  'remove-member': { readonly removed: boolean }
  'change-role': { readonly changed: boolean }
  rename: { readonly renamed: boolean }
  'change-retention': { readonly changed: boolean }
  expire: { readonly expired: number }
}

export type ConversationResult = ConversationResults[ConversationCommand['type']]

/** What deciding a command of this name gives. */
export type Decided<Name extends keyof ConversationResults> = Decision<
  ConversationEvent<Body>,
  ConversationResults[Name]
>

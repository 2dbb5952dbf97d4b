/** What command handling needs, announces and answers. Types only. */
import type { KnownMessage } from '../../domain/conversation/recent-messages.ts'
import type { ConversationState } from '../../domain/conversation/state.ts'
import type { Rejected } from '../../domain/decision.ts'
import type { DeliveryState } from '../../domain/delivery/state.ts'
import type { UnsealedEvent } from '../../domain/events.ts'
import type { ConversationId, MessageId } from '../../domain/ids.ts'
import type { Envelope } from '../codec/encode.ts'
import type { Ledger, Position, Revision } from '../ledger.ts'
import type { ContentKeys } from '../sealing/content-keys.ts'
import type { Snapshots } from '../snapshots.ts'
import type { TemporaryBodies } from '../temporary-bodies.ts'

/** Facts that have just become durable, in the order of their stream. */
export interface Committed {
  readonly conversationId: ConversationId
  readonly events: readonly UnsealedEvent[]
  /** Of the last of the events. */
  readonly revision: Revision
  readonly position: Position
  /** The conversation before and after (the same object for receipts). */
  readonly before: ConversationState
  readonly after: ConversationState
  /** At or after the position of the conversation's last fact before these; for finding gaps. */
  readonly previousPosition: Position
  /** Watermarks before these facts; only for receipts. */
  readonly deliveredBefore?: DeliveryState
}

export interface CommandHandlerDeps {
  readonly ledger: Ledger
  readonly snapshots: Snapshots
  readonly contentKeys: ContentKeys
  readonly temporaryBodies: TemporaryBodies
  /** Name of this process in the metadata of its facts. */
  readonly node: string
  /** Looks up a message that no state remembers, in a read model that has seen everything up to `upTo`; rejects if none has. */
  findMessage(
    conversationId: ConversationId,
    messageId: MessageId,
    upTo: Position,
  ): Promise<KnownMessage | null>
  /** Must not throw. */
  onCommitted?(committed: Committed): void
  /** For errors that no caller is told. */
  report(error: unknown): void
}

/** What a caller gets: the result, a rejection, or "nobody knows, send it again". */
export type Answer<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | Rejected
  | { readonly kind: 'unavailable'; readonly cause: unknown }
  /** Too much waits already; nothing was written. */
  | { readonly kind: 'overloaded' }

/** A command with who asked for it. */
export type Addressed<Command> = Command & { readonly envelope: Envelope }

/** What has happened in a replay so far, as its clients saw it. Types only. */
import type { ConversationId, MessageId } from '../../domain/ids.ts'
import type { Actor } from './actor.ts'
import type { Faults } from './thread.ts'
import type { Trace } from './trace.ts'

export interface SentMessage {
  readonly messageId: MessageId
  readonly conversationId: ConversationId
  readonly seq: number
}

/** What has happened so far; read while it changes. */
export interface Played {
  readonly trace: Trace
  readonly people: readonly Actor[]
  readonly faults: Faults
  /** Messages that are `sent`, by their index in the trace. */
  readonly sent: ReadonlyMap<number, SentMessage>
  /** Messages as they arrived, by all recipients together. */
  arrived: number
  /** Messages that arrived with another text. */
  altered: number
  /** What went wrong beside; the first few. */
  readonly problems: string[]
}

/**
 * What processes of different roles say to each other over the bus: ids and counts, never a body. Messages are JSON. What
 * the nodes of one role say among themselves stays in that role's folder; whoever reads a channel ignores kinds it does not know.
 */
import type { ConversationId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'

/** Something that wants an answer (`ask.ts`). */
export interface Question {
  readonly id: string
  /** The channel for the answer. */
  readonly replyTo: string
}

/** On `node.<node>`: send this person, on every live socket, what they have not acknowledged. */
export interface Nudge extends Question {
  readonly kind: 'nudge'
  readonly userId: UserId
}

/** On `node.<node>`: the time to live of these messages is over, and who has them on the screen should hear of it. */
export interface Expired {
  readonly kind: 'expired'
  readonly conversationId: ConversationId
  readonly messages: readonly {
    readonly seq: Seq
    readonly messageId: MessageId
    readonly at: Millis
    /** Of the fact that says so, in the stream of its conversation. */
    readonly revision: number
  }[]
  /** The last message before these facts. */
  readonly seqBefore: Seq
  /** At or after the position of the conversation's fact before these. */
  readonly previousPosition: string
}

/** The answer to a nudge. */
export interface Nudged {
  readonly id: string
  /** Live sessions of this person that were pushed to; 0 when none is on this node. */
  readonly pushed: number
}

/** What delivery asks the read models. Types only; `role.ts` connects them with `projections/queries`. */
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'

export interface WaitingRange {
  readonly conversationId: ConversationId
  readonly fromSeq: Seq
  readonly toSeq: Seq
}

export interface WaitingPerson {
  readonly userId: UserId
  /** Ever, with any device. Anybody may write to a name that nobody has. */
  readonly hasConnected: boolean
}

/** Of a conversation in which a person was given up, nothing waits until something new comes or they acknowledge. */
export interface Undelivered {
  /** A page of the people for whom a message from before `olderThan` waits, by user id. */
  people(page: {
    readonly olderThan: Millis
    readonly limit: number
    readonly afterUserId?: UserId
  }): Promise<readonly WaitingPerson[]>
  /** The same in these conversations only, everybody at once, also who was given up: something new has just come. */
  in(conversationIds: readonly ConversationId[], olderThan: Millis): Promise<readonly WaitingPerson[]>
  /** What waits for this person, however young. */
  of(userId: UserId): Promise<readonly WaitingRange[]>
  /** Whether everything up to this position is in the read models, or is so within the time. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>
}

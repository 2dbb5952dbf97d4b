/** What a decider answers. Outcomes are values; a decider never throws for anything a person can do. */
import type { Seq } from './ids.ts'

/** The part of the error catalogue (`protocol/errors.ts`) that rules of the domain produce. */
export type RejectionCode = 'not_found' | 'not_member' | 'forbidden' | 'conflict' | 'too_large'

export interface Accepted<Event, Result> {
  readonly kind: 'accepted'
  readonly events: readonly Event[]
  readonly result: Result
}

/** The command had its effect before: the same answer as then, and no event. */
export interface AlreadyDone<Result> {
  readonly kind: 'already-done'
  readonly result: Result
  /** Only a state that is up to date may say so: another process may have undone it. */
  readonly ifFresh?: true
}

export interface Rejected {
  readonly kind: 'rejected'
  readonly code: RejectionCode
  readonly message: string
}

/** The state remembers only recent messages: who asks must look this one up and decide again with what was found. */
export interface NeedsMessage {
  readonly kind: 'needs-message'
  /** The look-up must have seen every message up to here. */
  readonly upToSeq: Seq
  /** Forgotten messages that had been deleted by then: what is found may have been read before the next one is. */
  readonly lateDeletions: number
}

export type Decision<Event, Result> = Accepted<Event, Result> | AlreadyDone<Result> | Rejected | NeedsMessage

export const accepted = <Event, Result>(
  events: readonly Event[],
  result: Result,
): Accepted<Event, Result> => ({ kind: 'accepted', events, result })

export const alreadyDone = <Result>(result: Result): AlreadyDone<Result> => ({ kind: 'already-done', result })

/** The state is already as it is wished to be, as far as this process knows. */
export const nothingToDo = <Result>(result: Result): AlreadyDone<Result> => ({
  kind: 'already-done',
  result,
  ifFresh: true,
})

export const rejected = (code: RejectionCode, message: string): Rejected => ({
  kind: 'rejected',
  code,
  message,
})

export const needsMessage = (upToSeq: Seq, lateDeletions: number): NeedsMessage => ({
  kind: 'needs-message',
  upToSeq,
  lateDeletions,
})

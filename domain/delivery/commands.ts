/** What devices and the delivery worker report about the messages of a conversation. */
import type { AttemptOutcome, DeliveryChannel } from '../events.ts'
import type { DeviceId, Millis, Seq, UserId } from '../ids.ts'

interface Reported {
  /** Now, by the server's clock. */
  readonly at: Millis
  readonly userId: UserId
}

/** A device has everything up to `upTo`, or its person has read that far. */
export interface Acknowledge extends Reported {
  readonly type: 'acknowledge'
  readonly kind: 'delivered' | 'read'
  readonly deviceId: DeviceId
  readonly upTo: Seq
}

/** The delivery worker tried to reach a person with what waited for them then. */
export interface RecordAttempt extends Reported {
  readonly type: 'record-attempt'
  readonly fromSeq: Seq
  readonly toSeq: Seq
  readonly channel: DeliveryChannel
  readonly outcome: AttemptOutcome
  readonly error?: string
}

/** The delivery worker gave up on a person in this conversation, until something new comes. */
export interface RecordExhausted extends Reported {
  readonly type: 'record-exhausted'
  /** Of the last try. */
  readonly toSeq: Seq
}

export type DeliveryCommand = Acknowledge | RecordAttempt | RecordExhausted

/** The answers, by command. */
export interface DeliveryResults {
  /** The watermark that stands now, and since when if this command moved it. */
  acknowledge: { readonly upTo: Seq; readonly at: Millis }
  /** What is still missing at the person after this try; absent when nothing is. */
  'record-attempt': {
    readonly attempt: number
    readonly pending?: { readonly fromSeq: Seq; readonly toSeq: Seq }
  }
  'record-exhausted': { readonly recorded: boolean }
}

export type DeliveryResult = DeliveryResults[DeliveryCommand['type']]

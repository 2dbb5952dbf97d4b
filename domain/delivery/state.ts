/** Who has what of a conversation, folded from `delivery-<id>`: watermarks that only move forward. */
import type { DeliveryEvent } from '../events.ts'
import { type ConversationId, type DeviceId, type Millis, NO_SEQ, type Seq, type UserId } from '../ids.ts'

export interface Watermarks {
  /** The highest of the devices'. */
  readonly delivered: Seq
  readonly read: Seq
  readonly devices: ReadonlyMap<DeviceId, Seq>
  /** Tries of the delivery worker since `delivered` last moved. */
  readonly attempts: number
}

export interface DeliveryState {
  readonly conversationId: ConversationId
  /** Entries are replaced, never changed. */
  people: Map<UserId, Watermarks>
  /** Time of the newest fact; no later fact is given an earlier one. */
  lastAt: Millis
}

/** Changes whenever the fold or the shape of the state does: snapshots of another version are ignored. */
export const DELIVERY_STATE_VERSION = 1

const NOTHING: Watermarks = { delivered: NO_SEQ, read: NO_SEQ, devices: new Map(), attempts: 0 }

export const initialDelivery = (conversationId: ConversationId): DeliveryState => ({
  conversationId,
  people: new Map(),
  lastAt: 0 as Millis,
})

/** A copy to fold into while the original stays as it is: one shallow copy a batch instead of one an event. */
export const draftDelivery = ({
  conversationId,
  people,
  lastAt,
}: DeliveryState): Required<DeliveryState> => ({
  conversationId,
  people: new Map(people),
  lastAt,
})

export const watermarksOf = (state: DeliveryState, userId: UserId): Watermarks =>
  state.people.get(userId) ?? NOTHING

/** Folds one fact into the state, in place, and returns it. */
export function evolveDelivery(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  state.lastAt = event.at
  const before = watermarksOf(state, event.userId)
  switch (event.type) {
    case 'MessageDelivered': {
      const advanced = event.toSeq > before.delivered
      state.people.set(event.userId, {
        delivered: advanced ? event.toSeq : before.delivered,
        read: before.read,
        devices: new Map(before.devices).set(event.deviceId, event.toSeq),
        attempts: advanced ? 0 : before.attempts,
      })
      return state
    }
    case 'MessageRead':
      state.people.set(event.userId, { ...before, read: event.toSeq })
      return state
    case 'DeliveryAttempted':
      // One that was acknowledged meanwhile was the last of its row; what comes next is counted from 1 again.
      if (event.toSeq > before.delivered)
        state.people.set(event.userId, { ...before, attempts: event.attempt })
      return state
    case 'DeliveryExhausted':
      return state
    default:
      return event satisfies never
  }
}

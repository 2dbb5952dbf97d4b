/** Who has what of a conversation, folded from `delivery-<id>`: watermarks that only move forward. */
import type { DeliveryEvent, MessageDelivered } from '../events.ts'
import { type ConversationId, type DeviceId, type Millis, NO_SEQ, type Seq, type UserId } from '../ids.ts'

export interface Watermarks {
  /** The highest of the devices'. */
  readonly delivered: Seq
  readonly read: Seq
  /** Those that have most, `MOST_DEVICES` of them. */
  readonly devices: ReadonlyMap<DeviceId, Seq>
  /** The highest of the devices that had to make room: what reaches no further is taken to be recorded. */
  readonly forgotten: Seq
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
export const DELIVERY_STATE_VERSION = 2

/**
 * Of a person in a conversation. A client may call itself by a new name each time, and each fact copies them. Nobody has so many
 * devices that are all in use; of the one that is furthest behind, later facts begin where it was or behind it, so that
 * the ranges of a device never overlap.
 */
export const MOST_DEVICES = 64

const NOTHING: Watermarks = {
  delivered: NO_SEQ,
  read: NO_SEQ,
  devices: new Map(),
  forgotten: NO_SEQ,
  attempts: 0,
}

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

/** What a device is known to have; of one that is not known, what no fact says again. */
export const deviceWatermark = ({ devices, forgotten }: Watermarks, deviceId: DeviceId): Seq =>
  devices.get(deviceId) ?? forgotten

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
        ...withDevice(before, event),
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

function withDevice(
  before: Watermarks,
  { deviceId, toSeq }: MessageDelivered,
): Pick<Watermarks, 'devices' | 'forgotten'> {
  const devices = new Map(before.devices).set(deviceId, toSeq)
  if (devices.size <= MOST_DEVICES) return { devices, forgotten: before.forgotten }
  const [furthestBehind] = [...devices].sort(([, a], [, b]) => a - b)
  const [makesRoom, had] = furthestBehind as [DeviceId, Seq]
  devices.delete(makesRoom)
  return { devices, forgotten: had > before.forgotten ? had : before.forgotten }
}

/** What the decider knows of a person, folded from `user-<id>`. Plain data, so that a snapshot is its JSON. */
import type { Privacy, UserEvent } from '../events.ts'
import type { DeviceId, Millis, UserId } from '../ids.ts'

export interface Connected {
  readonly connection: string
  readonly node: string
}

export interface UserState {
  readonly userId: UserId
  /** Time of the newest `UserSeen`; 0 before the first. */
  seenAt: Millis
  /** Devices that are connected, as far as the ledger knows. */
  devices: Map<DeviceId, Connected>
  privacy: Privacy
  /** Time of the newest fact; no later fact is given an earlier one. */
  lastAt: Millis
}

/** Changes whenever the fold or the shape of the state does: snapshots of another version are ignored. */
export const USER_STATE_VERSION = 1

export const EVERYTHING_SHARED: Privacy = { lastSeen: 'shared', readReceipts: 'shared' }

export const initialUser = (userId: UserId): UserState => ({
  userId,
  seenAt: 0 as Millis,
  devices: new Map(),
  privacy: EVERYTHING_SHARED,
  lastAt: 0 as Millis,
})

/** A copy to fold into while the original stays as it is. */
export const draftUser = (state: UserState): UserState => ({ ...state, devices: new Map(state.devices) })

/** Folds one fact into the state, in place, and returns it. */
export function evolveUser(state: UserState, event: UserEvent): UserState {
  state.lastAt = event.at
  switch (event.type) {
    case 'UserSeen':
      state.seenAt = event.at
      return state
    case 'DeviceConnected':
      state.devices.set(event.deviceId, { connection: event.connection, node: event.node })
      return state
    case 'DeviceDisconnected':
      state.devices.delete(event.deviceId)
      return state
    case 'PrivacyChanged':
      state.privacy = { lastSeen: event.lastSeen, readReceipts: event.readReceipts }
      return state
    default:
      return event satisfies never
  }
}

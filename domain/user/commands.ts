/** What is reported about a person and their devices, and what they wish. */
import type { DisconnectReason, Privacy } from '../events.ts'
import type { DeviceId, Millis } from '../ids.ts'

interface Reported {
  /** When it happened, by the server's clock. */
  readonly at: Millis
}

interface OfConnection extends Reported {
  readonly deviceId: DeviceId
  readonly connection: string
  readonly node: string
}

/** The person opened a connection; that is something they did. */
export interface Connect extends OfConnection {
  readonly type: 'connect'
}

export interface Disconnect extends OfConnection {
  readonly type: 'disconnect'
  readonly reason: Exclude<DisconnectReason, 'replaced'>
  readonly seenAt?: Millis
}

/** The person did something. */
export interface See extends Reported {
  readonly type: 'see'
  readonly deviceId?: DeviceId
}

export interface ChangePrivacy extends Reported {
  readonly type: 'change-privacy'
  /** What is absent stays as it is. */
  readonly change: Partial<Privacy>
}

export type UserCommand = Connect | Disconnect | See | ChangePrivacy

/** The answers, by command. */
export interface UserResults {
  connect: { readonly recorded: boolean }
  disconnect: { readonly recorded: boolean }
  see: { readonly recorded: boolean }
  'change-privacy': Privacy
}

export type UserResult = UserResults[UserCommand['type']]

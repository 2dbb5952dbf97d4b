/**
 * The rules of what is kept about a person: each connection begins once and ends once, whoever notices; being seen is worth a
 * fact once a minute. Pure.
 */
import { accepted, type Decision, nothingToDo } from '../decision.ts'
import type { DeviceConnected, UserEvent, UserSeen } from '../events.ts'
import type { DeviceId, Millis } from '../ids.ts'
import type {
  ChangePrivacy,
  Connect,
  Disconnect,
  See,
  UserCommand,
  UserResult,
  UserResults,
} from './commands.ts'
import type { UserState } from './state.ts'

/** Between two facts that a person was seen. */
export const SEEN_EVERY_MS = 60_000

type Decided<Name extends keyof UserResults> = Decision<UserEvent, UserResults[Name]>

export function decideUser(command: UserCommand, state: UserState): Decision<UserEvent, UserResult> {
  switch (command.type) {
    case 'connect':
      return connect(command, state)
    case 'disconnect':
      return disconnect(command, state)
    case 'see':
      return see(command, state)
    case 'change-privacy':
      return changePrivacy(command, state)
    default:
      return command satisfies never
  }
}

function connect(command: Connect, state: UserState): Decided<'connect'> {
  const { deviceId, connection, node } = command
  const { userId } = state
  const at = notBefore(state, command.at)
  const before = state.devices.get(deviceId)
  if (before?.connection === connection) return nothingToDo({ recorded: false })
  const events: UserEvent[] = []
  // A device is in one place: the end of its older connection may be reported later, or never.
  if (before) events.push({ type: 'DeviceDisconnected', userId, at, deviceId, ...before, reason: 'replaced' })
  events.push({ type: 'DeviceConnected', userId, at, deviceId, connection, node } satisfies DeviceConnected)
  if (isWorthAFact(at, state)) events.push(seen(state, at, deviceId))
  return accepted(events, { recorded: true })
}

function disconnect(command: Disconnect, state: UserState): Decided<'disconnect'> {
  const { deviceId, connection, reason, seenAt } = command
  const before = state.devices.get(deviceId)
  if (before?.connection !== connection) return nothingToDo({ recorded: false })
  const event: UserEvent = {
    type: 'DeviceDisconnected',
    userId: state.userId,
    at: notBefore(state, command.at),
    deviceId,
    ...before,
    reason,
    ...(seenAt === undefined ? {} : { seenAt }),
  }
  return accepted([event], { recorded: true })
}

function see(command: See, state: UserState): Decided<'see'> {
  const at = notBefore(state, command.at)
  if (!isWorthAFact(at, state)) return nothingToDo({ recorded: false })
  return accepted([seen(state, at, command.deviceId)], { recorded: true })
}

function changePrivacy({ at, change }: ChangePrivacy, state: UserState): Decided<'change-privacy'> {
  const privacy = { ...state.privacy, ...change }
  const { lastSeen, readReceipts } = state.privacy
  if (privacy.lastSeen === lastSeen && privacy.readReceipts === readReceipts) return nothingToDo(privacy)
  const { userId } = state
  return accepted([{ type: 'PrivacyChanged', userId, at: notBefore(state, at), ...privacy }], privacy)
}

const seen = ({ userId }: UserState, at: Millis, deviceId?: DeviceId): UserSeen => ({
  type: 'UserSeen',
  userId,
  at,
  ...(deviceId === undefined ? {} : { deviceId }),
})

const isWorthAFact = (at: Millis, { seenAt }: UserState): boolean => at - seenAt >= SEEN_EVERY_MS

const notBefore = (state: UserState, at: Millis): Millis => (at > state.lastAt ? at : state.lastAt)

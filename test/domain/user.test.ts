import { expect, test } from 'vitest'
import type { UserEvent } from '../../domain/events.ts'
import type { DeviceId, Millis, UserId } from '../../domain/ids.ts'
import type { UserCommand } from '../../domain/user/commands.ts'
import { decideUser } from '../../domain/user/decide.ts'
import { evolveUser, initialUser, type UserState } from '../../domain/user/state.ts'
import { LAPTOP, PHONE } from './kit.ts'

const BOB = 'bob' as UserId
const T = 1_000_000
const at = (seconds: number) => (T + seconds * 1000) as Millis

/** Carries commands out on a person of whom nothing is known; answers what was recorded by each. */
function recorded(...commands: readonly UserCommand[]): {
  readonly state: UserState
  readonly facts: string[][]
} {
  const state = initialUser(BOB)
  const facts = commands.map((command) => {
    const decision = decideUser(command, state)
    if (decision.kind !== 'accepted') return []
    for (const event of decision.events) evolveUser(state, event)
    return decision.events.map(shown)
  })
  return { state, facts }
}

function shown(event: UserEvent): string {
  const { type, at: time } = event
  const more = 'connection' in event ? ` ${event.connection}` : ''
  return `${type}${more}${'reason' in event ? ` ${event.reason}` : ''} ${(time - T) / 1000}`
}

const connect = (seconds: number, connection: string, deviceId: DeviceId = PHONE): UserCommand => ({
  type: 'connect',
  at: at(seconds),
  deviceId,
  connection,
  node: 'n1',
})
const disconnect = (
  seconds: number,
  connection: string,
  reason: 'closed' | 'node-lost' = 'closed',
  deviceId: DeviceId = PHONE,
): UserCommand => ({ type: 'disconnect', at: at(seconds), deviceId, connection, node: 'n1', reason })
const see = (seconds: number): UserCommand => ({ type: 'see', at: at(seconds) })

test('being seen is a fact at most once a minute, whatever the person does on however many devices', () => {
  const { facts } = recorded(
    connect(0, 'a'),
    see(1),
    connect(30, 'b', LAPTOP),
    see(59),
    see(60),
    see(61),
    see(119),
    see(120),
  )
  expect(facts).toEqual([
    ['DeviceConnected a 0', 'UserSeen 0'],
    [],
    ['DeviceConnected b 30'],
    [],
    ['UserSeen 60'],
    [],
    [],
    ['UserSeen 120'],
  ])
})

test('a connection begins once and ends once, whoever reports it and however often', () => {
  const { facts, state } = recorded(
    connect(0, 'a'),
    connect(1, 'a'),
    disconnect(2, 'a', 'node-lost'),
    disconnect(3, 'a'),
  )
  expect(facts).toEqual([['DeviceConnected a 0', 'UserSeen 0'], [], ['DeviceDisconnected a node-lost 2'], []])
  expect(state.devices.size).toBe(0)
})

test('a device that connects again ends its older connection; what is said of that one later changes nothing', () => {
  const { facts, state } = recorded(connect(0, 'a'), connect(1, 'b'), disconnect(2, 'a'), disconnect(3, 'b'))
  expect(facts).toEqual([
    ['DeviceConnected a 0', 'UserSeen 0'],
    ['DeviceDisconnected a replaced 1', 'DeviceConnected b 1'],
    [],
    ['DeviceDisconnected b closed 3'],
  ])
  expect(state.devices.size).toBe(0)
})

test('times of a person never go back, whichever node reports late', () => {
  const { facts } = recorded(connect(10, 'a'), disconnect(5, 'a'))
  expect(facts[1]).toEqual(['DeviceDisconnected a closed 10'])
})

test('a wish about privacy is a fact when it changes something, and only that', () => {
  const change = (seconds: number, wish: Extract<UserCommand, { type: 'change-privacy' }>['change']) =>
    ({ type: 'change-privacy', at: at(seconds), change: wish }) as const
  const { facts, state } = recorded(
    change(0, { lastSeen: 'shared' }),
    change(1, { lastSeen: 'hidden' }),
    change(2, { lastSeen: 'hidden' }),
    change(3, { readReceipts: 'hidden' }),
  )
  expect(facts).toEqual([[], ['PrivacyChanged 1'], [], ['PrivacyChanged 3']])
  expect(state.privacy).toEqual({ lastSeen: 'hidden', readReceipts: 'hidden' })
})

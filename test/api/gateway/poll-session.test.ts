import { expect, test } from 'vitest'
import { createPollSession } from '../../../api/gateway/poll-session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'

const LONG_MS = 600_000

const session = () =>
  createPollSession({
    identity: { sub: 'ann' as UserId, exp: Date.now() + LONG_MS, roles: ['user'] } as never,
    deviceId: 'phone' as DeviceId,
    onClosed: () => {},
  })

test('however much else comes between two polls, of presence the last of each person is there', () => {
  const poll = session()
  const presence = (userId: string, online: boolean) =>
    JSON.stringify({ t: 'presence', userId, online, lastSeen: null })
  poll.send(presence('bob', true))
  poll.send(presence('carol', true))
  poll.send(presence('bob', false))
  for (let n = 0; n < 1_500; n++) poll.deliver({ json: `{"t":"typing","n":${n}}` })
  const taken = poll.takeSent()
  expect(taken.filter((json) => json.startsWith('{"t":"typing"'))).toHaveLength(1_000)
  expect(taken.filter((json) => json.startsWith('{"t":"presence"'))).toEqual([
    presence('bob', false),
    presence('carol', true),
  ])
  expect(poll.takeSent()).toEqual([])
})

test('a poll that a later one has replaced does not take its waking', async () => {
  const poll = session()
  const older = poll.begin(Date.now() + LONG_MS)
  older.look()
  const newer = poll.begin(Date.now() + LONG_MS)
  newer.look()
  const woken: string[] = []
  const waiting = newer.woken(LONG_MS).then(() => woken.push('newer'))
  // It was still looking, and finds nothing.
  await older.woken(LONG_MS).then(() => woken.push('older'))
  expect(woken).toEqual(['older'])
  poll.deliver({ json: '{"t":"message"}' })
  await waiting
  expect(woken).toEqual(['older', 'newer'])
})

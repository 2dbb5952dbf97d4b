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

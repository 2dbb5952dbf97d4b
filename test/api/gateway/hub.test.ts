import { expect, test } from 'vitest'
import { createHub } from '../../../api/gateway/hub.ts'
import type { Session } from '../../../api/gateway/session.ts'
import type { UserId } from '../../../domain/ids.ts'

const ANN = 'ann' as UserId

test('whoever goes through the sessions of a person reaches each, though some leave as they are closed', () => {
  const hub = createHub(() => {})
  const closed: string[] = []
  for (const deviceId of ['poll', 'phone', 'laptop']) {
    const session = {
      userId: ANN,
      deviceId,
      close() {
        closed.push(deviceId)
        // A poll leaves at once; a socket when its close has gone through.
        if (deviceId === 'poll') hub.remove(session)
      },
    } as unknown as Session
    hub.add(session)
  }
  for (const session of hub.sessionsOf(ANN)) session.close(4401, 'logged out')
  expect(closed).toEqual(['poll', 'phone', 'laptop'])
  expect(hub.sessionsOf(ANN).map(({ deviceId }) => deviceId)).toEqual(['phone', 'laptop'])
})

test('once all are closed, a socket that is added is closed too, and a poll left to end by itself', () => {
  const hub = createHub()
  const closed: string[] = []
  const session = (deviceId: string, isPolling = false) =>
    ({
      userId: ANN,
      deviceId,
      isPolling,
      close: (code: number) => closed.push(`${deviceId} ${code}`),
    }) as unknown as Session
  hub.add(session('phone'))
  hub.closeAll(1001, 'going away')
  expect(closed).toEqual(['phone 1001'])
  hub.add(session('laptop'))
  hub.add(session('poll', true))
  expect(closed).toEqual(['phone 1001', 'laptop 1001'])
})

import type pg from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createDevicePositions } from '../../../api/gateway/device-positions.ts'
import type { Session } from '../../../api/gateway/session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const live = { mode: 'live', doubted: false, position: 3n } as unknown as Session

test('what was seen is safe after a minute, whatever the clock on the wall is set to', async () => {
  const positions = createDevicePositions({} as pg.Pool, () => {})
  positions.seen(100n as Position)
  await vi.advanceTimersByTimeAsync(10_000)
  vi.setSystemTime(Date.now() + 3_600_000)
  expect(positions.safe(live)).toBe(3n)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(positions.safe(live)).toBe(3n)
  vi.setSystemTime(Date.now() - 7_200_000)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(positions.safe(live)).toBe(100n)
  await positions.close()
})

test('what could not be written is written with the next', async () => {
  const written: unknown[][] = []
  let isAway = true
  const pool = {
    query: async ({ values }: { values: unknown[] }) => {
      if (isAway) throw new Error('deadlock detected')
      written.push(values)
    },
  } as unknown as pg.Pool
  const errors: unknown[] = []
  const positions = createDevicePositions(pool, (error) => errors.push(error))
  const device = (userId: string) => ({ userId: userId as UserId, deviceId: 'phone' as DeviceId })
  await positions.keepAnswered(device('ann'), 7n as Position)
  expect(errors).toHaveLength(1)
  isAway = false
  await positions.keepAnswered(device('ben'), 9n as Position)
  expect(written).toEqual([
    [
      ['ann', 'ben'],
      ['phone', 'phone'],
      ['7', '9'],
    ],
  ])
  await positions.close()
})

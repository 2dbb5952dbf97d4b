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
  const positions = createDevicePositions(
    {} as pg.Pool,
    () => {},
    () => true,
  )
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

test('while this node may not hear all, nothing becomes safe, and for a minute after that', async () => {
  let hearsAll = true
  const positions = createDevicePositions(
    {} as pg.Pool,
    () => {},
    () => hearsAll,
  )
  positions.seen(100n as Position)
  await vi.advanceTimersByTimeAsync(10_000)
  hearsAll = false
  // Something of 150 was not heard; what this node saw itself since says nothing of it.
  positions.seen(200n as Position)
  await vi.advanceTimersByTimeAsync(600_000)
  expect(positions.safe(live)).toBe(3n)
  hearsAll = true
  await vi.advanceTimersByTimeAsync(60_000)
  expect(positions.safe(live)).toBe(3n)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(positions.safe(live)).toBe(200n)
  await positions.close()
})

const device = (userId: string) => ({ userId: userId as UserId, deviceId: 'phone' as DeviceId })

/** A database that answers each statement when and how it is told to. */
function slowDatabase() {
  const asked: { readonly values: unknown[]; readonly settle: (error?: Error) => void }[] = []
  const pool = {
    query: ({ values }: { values: unknown[] }) =>
      new Promise<void>((resolve, reject) => {
        asked.push({ values, settle: (error) => (error ? reject(error) : resolve()) })
      }),
  } as unknown as pg.Pool
  return { pool, asked }
}

test('what could not be written is written with the next, and nothing newer is lost by that', async () => {
  const { pool, asked } = slowDatabase()
  const errors: unknown[] = []
  const positions = createDevicePositions(
    pool,
    (error) => errors.push(error),
    () => true,
  )
  const first = positions.keepAnswered(device('ann'), 7n as Position)
  const old = positions.keepAnswered(device('ben'), 3n as Position)
  await vi.advanceTimersByTimeAsync(0)
  const newer = positions.keepAnswered(device('ann'), 8n as Position)
  asked[0]?.settle(new Error('deadlock detected'))
  await Promise.all([first, old])
  expect(errors).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(0)
  expect(asked.map(({ values }) => values)).toEqual([
    [
      ['ann', 'ben'],
      ['phone', 'phone'],
      ['7', '3'],
    ],
    [
      ['ann', 'ben'],
      ['phone', 'phone'],
      ['8', '3'],
    ],
  ])
  asked[1]?.settle()
  await newer
  await positions.close()
  expect(asked).toHaveLength(2)
})

test('while the database says nothing, one write waits behind the one under way, however many ask', async () => {
  const { pool, asked } = slowDatabase()
  const positions = createDevicePositions(
    pool,
    () => {},
    () => true,
  )
  const people = Array.from({ length: 50 }, (_, i) => positions.keepAnswered(device(`p${i}`), 5n as Position))
  await vi.advanceTimersByTimeAsync(10_000)
  const late = positions.keepAnswered(device('late'), 5n as Position)
  expect(asked).toHaveLength(1)
  const closed = positions.close()
  for (let i = 0; i < 3; i++) {
    asked[i]?.settle(new Error('timeout exceeded'))
    await vi.advanceTimersByTimeAsync(0)
  }
  await Promise.all([...people, late, closed])
  expect(asked).toHaveLength(2)
})

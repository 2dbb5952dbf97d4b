import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDevicePositions } from '../../../api/gateway/device-positions.ts'
import type { Session } from '../../../api/gateway/session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const devicesOf = async (userId: string): Promise<string[]> => {
  const { rows } = await pool.query<{ device_id: string }>(
    'SELECT device_id FROM gateway.devices WHERE user_id = $1 ORDER BY known_from, position',
    [userId],
  )
  return rows.map(({ device_id }) => device_id)
}

test('of a person’s devices a thousand are remembered: those that came, or kept something, last', async () => {
  for (const userId of ['ann', 'ben']) {
    await pool.query(
      `INSERT INTO gateway.devices SELECT $1, 'device-' || n, CASE n WHEN 1 THEN 3000 ELSE 0 END, n
        FROM generate_series(1, 1000) AS n`,
      [userId],
    )
  }
  const errors: unknown[] = []
  const positions = createDevicePositions(
    pool,
    (error) => errors.push(error),
    () => true,
  )
  const start = (userId: string, deviceId: string, head: bigint) =>
    positions.start(userId as UserId, deviceId as DeviceId, head as Position)
  await start('ann', 'new', 4000n)
  await expect.poll(() => devicesOf('ann')).toHaveLength(1000)
  // The oldest has kept what is newer than what the second oldest knows of.
  const left = await devicesOf('ann')
  expect(left).toEqual(expect.arrayContaining(['device-1', 'device-3', 'device-1000', 'new']))
  expect(left).not.toContain('device-2')
  expect(await devicesOf('ben')).toHaveLength(1000)
  // Whoever was forgotten begins like a new one.
  expect(await start('ann', 'device-2', 5000n)).toMatchObject({ kept: 0n, knownFrom: 5000n })
  await positions.close()
  expect(errors).toEqual([])
})

test('what a device has kept counts when it comes back at once, before the next write is due', async () => {
  const positions = createDevicePositions(
    pool,
    () => {},
    () => true,
  )
  const [userId, deviceId] = ['cid' as UserId, 'phone' as DeviceId]
  await positions.start(userId, deviceId, 10n as Position)
  positions.keep({ userId, deviceId, mode: 'live', position: 50n } as unknown as Session, 40n as Position)
  expect(await positions.start(userId, deviceId, 60n as Position)).toMatchObject({
    kept: 40n,
    knownFrom: 10n,
  })
  await positions.close()
})

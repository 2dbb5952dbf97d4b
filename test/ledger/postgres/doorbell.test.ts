import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { BELL, createDoorbell } from '../../../ledger/postgres/doorbell.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'
import { openSilentNetwork } from '../../support/silent-network.ts'

let database: TestDatabase
let admin: pg.Client
beforeAll(async () => {
  database = await createTestDatabase('empty')
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})

test('a bell whose connection has died without a word says so, and rings again soon', async () => {
  const network = await openSilentNetwork(database.url)
  let losses = 0
  const doorbell = createDoorbell(network.url, () => losses++, 200)
  const stop = new AbortController()
  const rung = () =>
    vi.waitFor(
      async () => {
        const { rings } = doorbell
        void doorbell.past(rings, stop.signal)
        await admin.query(`NOTIFY ${BELL}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
        expect(doorbell.rings).toBeGreaterThan(rings)
      },
      { timeout: 25_000 },
    )
  await rung()
  expect(losses).toBe(0)
  network.silence()
  await rung()
  expect(losses).toBeGreaterThan(0)
  stop.abort()
  await doorbell.close()
  await network.close()
}, 60_000)

import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../../runtime/logging.ts'
import { createPool } from '../../runtime/postgres.ts'
import { UnansweredError } from '../../runtime/postgres-client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { openSilentNetwork } from '../support/silent-network.ts'

const log = createLogger({ level: 'silent', process: 'test' })

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase('empty')
})
afterAll(() => database.drop())

test('a connection that died without a word is given up some seconds after a statement could have ended, and replaced', async () => {
  const network = await openSilentNetwork(database.url)
  const pool = createPool({ url: network.url, name: 'test', log, max: 1, statementTimeoutMs: 200 })
  await pool.query('SELECT 1')
  network.silence()
  await expect(pool.query('SELECT 1')).rejects.toThrow(new UnansweredError(5_200))
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await pool.end()
  await network.close()
}, 40_000)

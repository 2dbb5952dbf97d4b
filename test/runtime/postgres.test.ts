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
  const pool = createPool({ url: network.url, name: 'test', log, max: 2, statementTimeoutMs: 200 })
  const held = await pool.connect()
  await pool.query('SELECT 1')
  network.silence()
  const unanswered = [pool.query('SELECT 1'), held.query('SELECT 1')]
  for (const one of await Promise.allSettled(unanswered)) {
    expect(one).toEqual({ status: 'rejected', reason: new UnansweredError(5_200) })
  }
  held.release(true)
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  await pool.end()
  await network.close()
}, 40_000)

test('what a durable pool commits is on disk, also where the default of the database is otherwise', async () => {
  const admin = createPool({ url: database.url, name: 'test', log, max: 1 })
  await admin.query(`DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
  END $$`)
  await admin.end()
  const settingOf = async (more: { readonly durable?: true }) => {
    const pool = createPool({ url: database.url, name: 'test', log, max: 1, ...more })
    const { rows } = await pool.query('SHOW synchronous_commit')
    await pool.end()
    return rows[0].synchronous_commit
  }
  expect([await settingOf({}), await settingOf({ durable: true })]).toEqual(['off', 'on'])
})

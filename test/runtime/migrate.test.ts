import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../../runtime/logging.ts'
import { migrate } from '../../runtime/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const log = createLogger({ level: 'silent', process: 'test' })
const folder = join(import.meta.dirname, 'fixtures', 'migrations')
let database: TestDatabase

beforeEach(async () => {
  database = await createTestDatabase('empty')
})
afterEach(() => database.drop())

test('all migrations run once, in the order of their numbers', async () => {
  expect(await migrate({ url: database.url, log, folder })).toEqual(['0001_first', '0002_second'])
  expect(await migrate({ url: database.url, log, folder })).toEqual([])
})

test('processes that start together migrate one after another', async () => {
  const runs = await Promise.all([1, 2, 3].map(() => migrate({ url: database.url, log, folder })))
  expect(runs.map((names) => names.length).sort()).toEqual([0, 0, 2])
})

test('a database that has run a migration of which there is no file any more is brought up all the same', async () => {
  await migrate({ url: database.url, log })
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    const text = `UPDATE triptick_meta.migrations SET name = '0010_append_fast' WHERE name = '0010_append_together'`
    expect((await client.query(text)).rowCount).toBe(1)
    await client.query('DROP FUNCTION ledger.append_together')
    expect(await migrate({ url: database.url, log })).toEqual(['0010_append_together'])
    expect(await migrate({ url: database.url, log })).toEqual([])
    const there = `SELECT FROM pg_proc WHERE proname = 'append_together'`
    expect((await client.query(there)).rowCount).toBe(1)
  } finally {
    await client.end()
  }
})

test('a database that is not there is named without its password, with what to do', async () => {
  const url = new URL('postgres://someone:hidden@127.0.0.1:1/nothing')
  const error = await migrate({ url: url.href, log, folder }).catch((reason: unknown) => reason)
  expect(String(error)).toContain('Postgres at 127.0.0.1:1/nothing does not let us in')
  expect(String(error)).toContain('Check DATABASE_URL')
  expect(String(error)).not.toContain('hidden')
})

test('the test database itself carries the migrations of the product', async () => {
  const migrated = await createTestDatabase()
  const client = new pg.Client({ connectionString: migrated.url })
  await client.connect()
  const { rows } = await client.query('SELECT count(*)::int AS n FROM triptick_meta.migrations')
  expect(rows).toEqual([{ n: expect.any(Number) }])
  await client.end()
  await migrated.drop()
})

import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createSession, type Session } from '../../../projections/engine/session.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let pool: pg.Pool
let session: Session
beforeAll(async () => {
  database = await createTestDatabase('empty')
  pool = new pg.Pool({ connectionString: database.url, max: 1 })
  session = createSession(database.url, 'test')
})
afterAll(async () => {
  await session.close()
  await pool.end()
  await database.drop()
})
beforeEach(() =>
  pool.query('DROP TABLE IF EXISTS t; CREATE TABLE t (n integer PRIMARY KEY CHECK (n < 1000), word text)'),
)

const INSERT = { name: 'insert', text: 'INSERT INTO t (n, word) VALUES ($1, $2)' }
const COPY = { name: 'copy', text: 'COPY t (n, word) FROM STDIN' }
const rows = async () =>
  (await pool.query('SELECT n, word FROM t ORDER BY n')).rows.map(({ n, word }) => [n, word])

/** All at once, as a lane does; the first that fails is what the transaction fails with. */
const together = (...statements: (() => Promise<unknown>)[]) =>
  session.transaction(async () => {
    const outcomes = await Promise.allSettled(statements.map((send) => send()))
    const failed = outcomes.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    return true
  })

const insert = (n: number) => () => session.query(INSERT, [n, 'inserted'])
const copy = (lines: string) => () => session.copy(COPY, lines)

test('rows that are copied stand with the statements around them, or not at all', async () => {
  await together(insert(1), copy('2\tcopied\n3\tcopied\n'), insert(4))
  const stands = [
    [1, 'inserted'],
    [2, 'copied'],
    [3, 'copied'],
    [4, 'inserted'],
  ]
  expect(await rows()).toEqual(stands)
  await session.transaction(async () => {
    await copy('5\tcopied\n')()
    return false
  })
  expect(await rows()).toEqual(stands)
})

test('a copy behind a statement that fails in the same pipeline fails with it, and the connection goes on', async () => {
  await together(insert(1))
  await expect(together(insert(1), copy('2\tcopied\n'), insert(3))).rejects.toMatchObject({ code: '23505' })
  expect(await rows()).toEqual([[1, 'inserted']])
  await together(copy('2\tcopied\n'), insert(3))
  expect(await rows()).toHaveLength(3)
})

test.each([
  ['whose rows are refused', '2\tcopied\n1000\tcopied\n', '23514'],
  ['whose rows cannot be read', '2\tcopied\ttoo much\n', '22P04'],
])('a copy %s takes the statements behind it with it, and the connection goes on', async (_, lines, code) => {
  await expect(together(insert(1), copy(lines), insert(3))).rejects.toMatchObject({ code })
  expect(await rows()).toEqual([])
  await together(copy('2\tcopied\n'), insert(3))
  expect(await rows()).toHaveLength(2)
})

test('a copy whose connection is cut fails, and the next one is carried out on a new connection', async () => {
  await together(copy('1\tcopied\n'))
  await expect(
    together(insert(2), async () => {
      await pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'test'`,
      )
      await copy('3\tcopied\n')()
    }),
  ).rejects.toThrow()
  expect(await rows()).toEqual([[1, 'copied']])
  await together(copy('2\tcopied\n'))
  expect(await rows()).toHaveLength(2)
})

test('the end of an old connection does not make the session forget the one that came after it', async () => {
  const own = createSession(database.url, 'successor')
  const pid = async () =>
    (await own.query({ name: 'pid', text: 'SELECT pg_backend_pid() AS pid' })).rows[0]?.pid
  const first = await pid()
  const [, second] = await Promise.all([own.close(), pid()])
  expect(second).not.toBe(first)
  expect(await pid()).toBe(second)
  await own.close()
  const left = `SELECT pid FROM pg_stat_activity WHERE application_name = 'successor'`
  await expect.poll(async () => (await pool.query(left)).rows).toEqual([])
})

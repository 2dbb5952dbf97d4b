import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { PostgresClient, UnansweredError } from '../../runtime/postgres-client.ts'
import { openSilentNetwork } from '../support/silent-network.ts'

const url = inject('postgresUrl')

async function connected(client: pg.Client): Promise<pg.Client> {
  client.on('error', () => {})
  await client.connect()
  return client
}

test('every call of `pg` answers as it does there', async () => {
  const client = await connected(new PostgresClient({ connectionString: url, answerMs: 5_000 }))
  const one = [{ one: 1 }]
  expect((await client.query('SELECT 1 AS one')).rows).toEqual(one)
  expect((await client.query('SELECT $1::int AS one', [1])).rows).toEqual(one)
  expect((await client.query({ text: 'SELECT $1::int AS one', values: [1] })).rows).toEqual(one)
  expect((await client.query({ text: 'SELECT 1', rowMode: 'array' })).rows).toEqual([[1]])
  const called = (ask: (done: (error: Error, result: pg.QueryResult) => void) => void) =>
    new Promise((resolve, reject) => ask((error, { rows }) => (error ? reject(error) : resolve(rows))))
  expect(await called((done) => client.query('SELECT 1 AS one', done))).toEqual(one)
  expect(await called((done) => client.query('SELECT $1::int AS one', [1], done))).toEqual(one)
  const query = new pg.Query('SELECT 1 AS one')
  const submitted = new Promise((resolve) => query.once('row', resolve))
  expect(client.query(query)).toBe(query)
  expect(await submitted).toEqual({ one: 1 })
  await expect(async () => client.query(undefined as never)).rejects.toThrow(TypeError)
  await expect(client.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
  await client.end()
})

test('a query that is not answered in time fails with its connection, and says so with a code', async () => {
  const network = await openSilentNetwork(url)
  const client = await connected(new PostgresClient({ connectionString: network.url, answerMs: 1_000 }))
  await client.query('SELECT 1')
  await sleep(1_200)
  // What was answered cuts nothing later.
  await client.query('SELECT 1')
  network.silence()
  const ended = new Promise((resolve) => client.once('end', resolve))
  const late = await client.query('SELECT 1').catch((error: unknown) => error)
  expect(late).toBeInstanceOf(UnansweredError)
  expect(late).toMatchObject({ code: 'ETIMEDOUT', message: 'Postgres did not answer within 1000 ms' })
  await ended
  await network.close()
})

/** Bytes that collections of the young generation left of so many answers, of which nobody keeps any. */
async function keptOf(client: pg.Client, queries: number): Promise<number> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  const old = () =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0
  gc()
  const before = old()
  for (let n = 0; n < queries; n++) {
    await client.query(`SELECT n, 'row ' || n AS text FROM generate_series(1, 200) n`)
    if (n % 50 === 49) gc({ type: 'minor' })
  }
  gc({ type: 'minor' })
  return old() - before
}

test('answers do not outlive the collections of the young generation, as those of `pg` alone do', async () => {
  const own = await connected(new PostgresClient({ connectionString: url, answerMs: 5_000 }))
  const plain = await connected(new pg.Client({ connectionString: url }))
  const [keptOfOwn, keptOfPlain] = [await keptOf(own, 200), await keptOf(plain, 200)]
  // If the second no longer holds, `pg` has mended it, and the class has less to do.
  expect(keptOfOwn).toBeLessThan(1_000_000)
  expect(keptOfPlain).toBeGreaterThan(3 * keptOfOwn)
  expect(keptOfPlain).toBeGreaterThan(1_500_000)
  await own.end()
  await plain.end()
})

import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresBus } from '../../../runtime/bus/postgres.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'
import { busContract } from './contract.ts'

const log = createLogger({ level: 'silent', process: 'test' })

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

const PATIENTLY = { timeout: 15_000 }
const masterKey = Buffer.alloc(32, 1)

const cut = async (node = '%') => {
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'triptick-bus-' || $1`,
    [node],
  )
}

busContract('Postgres', async () => ({
  open: (node) => createPostgresBus({ url: database.url, masterKey, node, log, checkMs: 500 }),
  cut,
  cutPublisher: cut,
  stop: async () => {},
}))

test('a thousand messages published together are few statements', async () => {
  // A connection tells of its last transactions when it ends: here nobody else's are counted.
  const own = await createTestDatabase('empty')
  onTestFinished(() => own.drop())
  const before = await transactions(own)
  const bus = await createPostgresBus({ url: own.url, masterKey, node: 'a', log })
  const got: string[] = []
  await bus.subscribe('c', (payload) => got.push(payload))
  for (let i = 0; i < 1_000; i++) bus.publish('c', `${i}`)
  await vi.waitFor(() => expect(got).toHaveLength(1_000), PATIENTLY)
  await bus.close()
  await vi.waitFor(async () => expect(await connections(own)).toBe(0), PATIENTLY)
  const made = (await transactions(own)) - before
  expect(made).toBeGreaterThan(0)
  expect(made).toBeLessThan(100)
})

async function connections({ url }: TestDatabase): Promise<number> {
  const { rows } = await admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [
    new URL(url).pathname.slice(1),
  ])
  return rows.length
}

async function transactions({ url }: TestDatabase): Promise<number> {
  const { rows } = await admin.query<{ n: string }>(
    'SELECT xact_commit AS n FROM pg_stat_database WHERE datname = $1',
    [new URL(url).pathname.slice(1)],
  )
  return Number(rows[0]?.n)
}

test('a bus without a server fails at once, so that the start can say why', async () => {
  const nowhere = 'postgres://nobody@127.0.0.1:1/nothing'
  await expect(createPostgresBus({ url: nowhere, masterKey, node: 'a', log })).rejects.toThrow('ECONNREFUSED')
})

test('what travels is sealed, and whoever has another master key is told nothing but that', async () => {
  const bus = await createPostgresBus({ url: database.url, masterKey, node: 'a', log })
  const stranger = await createPostgresBus({
    url: database.url,
    masterKey: Buffer.alloc(32, 2),
    node: 'b',
    log,
  })
  const listener = new pg.Client({ connectionString: database.url })
  await listener.connect()
  const raw: string[] = []
  listener.on('notification', ({ payload }) => raw.push(payload ?? ''))
  const { rows } = await admin.query<{ channel: string }>(
    `SELECT 'triptick_bus_' || left(encode(sha256('sealed'), 'hex'), 32) AS channel`,
  )
  await listener.query(`LISTEN ${rows[0]?.channel}`)
  const got: string[] = []
  await bus.subscribe('sealed', (payload) => got.push(payload))
  await stranger.subscribe('sealed', (payload) => got.push(`stranger: ${payload}`))
  bus.publish('sealed', 'soup at nine')
  await vi.waitFor(() => expect([got.length, raw.length]).toEqual([1, 1]), PATIENTLY)
  expect(got).toEqual(['soup at nine'])
  expect(raw.map((payload) => Buffer.from(payload, 'base64').toString()).join()).not.toContain('soup')
  await listener.end()
  await stranger.close()
  await bus.close()
})

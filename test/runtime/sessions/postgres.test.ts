import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import { createPostgresBus } from '../../../runtime/bus/postgres.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createPool } from '../../../runtime/postgres.ts'
import { createSessionDirectory } from '../../../runtime/sessions/create.ts'
import type { SessionDirectory } from '../../../runtime/sessions/directory.ts'
import { createPostgresStore } from '../../../runtime/sessions/postgres-store.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'
import { type LossyStore, lossy, STEADY, sessionContract } from './contract.ts'

const log = createLogger({ level: 'silent', process: 'test' })

let database: TestDatabase
let admin: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  admin = createPool({ url: database.url, name: 'test', log, max: 1 })
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})

async function open(node: string | undefined, timing = STEADY) {
  const bus = await createPostgresBus({
    url: database.url,
    masterKey: Buffer.alloc(32, 1),
    node: node ?? 'observer',
    log,
  })
  const pool = createPool({ url: database.url, name: `sessions-${node}`, log, max: 2 })
  let statements = 0
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    Object.assign(client, {
      query: (...args: unknown[]) => {
        statements += 1
        return query(...args)
      },
    })
  })
  const store = lossy(createPostgresStore({ pool, deadAfterMs: timing.deadAfterMs, onClose: async () => {} }))
  const directory = await createSessionDirectory({ store, bus, log, node, timing })
  const end = async () => {
    await bus.close()
    if (!pool.ended) await pool.end()
  }
  return { directory, store, end, statements: () => statements }
}

sessionContract('Postgres', async () => {
  const ends = new Map<SessionDirectory, () => Promise<void>>()
  const stores = new Map<SessionDirectory, LossyStore>()
  const forget = async () => {
    await admin.query('WITH gone AS (DELETE FROM gateway.nodes) DELETE FROM gateway.sessions')
  }
  return {
    async open(node, timing) {
      const { directory, store, end } = await open(node, timing)
      ends.set(directory, end)
      stores.set(directory, store)
      return directory
    },
    kill: async (directory) => ends.get(directory)?.(),
    forget,
    loseAnswer: (directory, meanwhile) => stores.get(directory)?.loseAnswer(() => forget().then(meanwhile)),
    async stop() {
      for (const end of ends.values()) await end()
    },
  }
})

test('a storm of ten thousand connects is a handful of statements', async () => {
  // Without heartbeats, which are statements, too.
  const { directory, end, statements } = await open('stormy', { ...STEADY, heartbeatMs: 60_000 })
  const before = statements()
  const people = Array.from({ length: 10_000 }, (_, i) => `u${i}` as UserId)
  await Promise.all(people.map((person) => directory.add(person, 'phone' as DeviceId)))
  expect(statements() - before).toBeLessThan(60)
  await directory.close()
  await end()
})

test('what a dead node left behind is tidied away by the others', async () => {
  await admin.query(`INSERT INTO gateway.nodes VALUES ('gone', now() - interval '1 hour')`)
  await admin.query(`INSERT INTO gateway.sessions (user_id, device_id, node) VALUES ('ann', 'phone', 'gone')`)
  await admin.query(`INSERT INTO gateway.sessions (user_id, device_id, node, connected_at)
    VALUES ('ann', 'phone', 'never-there', now() - interval '1 hour')`)
  const { directory, end } = await open('tidy')
  const { rows } = await admin.query('SELECT * FROM gateway.sessions')
  expect(rows).toEqual([])
  await directory.close()
  await end()
})

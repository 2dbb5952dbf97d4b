import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from '../../runtime/config.ts'
import { createLogger } from '../../runtime/logging.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { startWorkers } from '../../workers/role.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

/** To this test's database, the one that asks included. */
async function connections(): Promise<number> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const { rows } = await client.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()',
  )
  await client.end()
  return rows[0]?.n ?? 0
}

function contextFor(env: Record<string, string>) {
  const lines: string[] = []
  const reading = readConfig({ DATABASE_URL: database.url, ...env })
  if (!reading.ok) throw new Error('the configuration of this test is wrong')
  const secrets = { databaseUrl: database.url, jwtSecret: 'x'.repeat(32), masterKey: randomBytes(32) }
  const log = createLogger({ level: 'warn', process: 'workers', to: { write: (line) => lines.push(line) } })
  return {
    context: { config: { ...reading.config, ...secrets }, log, metrics: createMetrics('workers') },
    lines,
  }
}

test('the workers start before there are any read models, and stop without leaving a connection', async () => {
  const { context, lines } = contextFor({})
  const role = await startWorkers(context)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await connections()).toBeGreaterThan(1)
  await role.stop()
  await expect.poll(connections).toBe(1)
  expect(lines.join()).toContain('people who wait could not be found')
  expect(lines.join()).not.toContain('did not close')
  expect(await context.metrics.registry.metrics()).toContain('triptick_delivery_jobs')
})

test('workers that cannot reach Redis say so, and close what they had opened', async () => {
  const { context } = contextFor({ REDIS_URL: 'redis://127.0.0.1:1' })
  await expect(startWorkers(context)).rejects.toThrow('Redis at 127.0.0.1:1 does not let us in')
})

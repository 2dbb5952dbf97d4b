import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startProjections } from '../../projections/role.ts'
import { READ_MODEL_VERSION } from '../../projections/schema.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import type { RoleContext } from '../../runtime/role.ts'
import { record } from './support/postgres-past.ts'
import { someTalk } from './support/talk.ts'
import { createWorld, projected, quiet, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())
afterEach(() => world.clear())

const context = (): RoleContext => ({
  config: { databaseUrl: world.url, ledgerUrl: undefined } as RoleContext['config'],
  log: quiet,
  metrics: createMetrics('projections'),
})

test('the role makes the read models, keeps them up to date, reports to Prometheus and leaves no connection behind', async () => {
  const given = context()
  const role = await startProjections(given)
  const events = someTalk({ conversations: 3, turns: 30 })
  await record(world.pool, events)
  await projected(world.pool, events.at(-1)?.position as never)
  const metrics = await given.metrics.registry.metrics()
  expect(metrics).toMatch(/triptick_projection_events_total\{lane="\d".*\} \d+/)
  expect(metrics).toContain('triptick_projection_batch_seconds_count')
  await role.stop()
  // A closed connection's server process is listed until it has ended.
  const left = async () => {
    const { rows } = await world.pool.query(
      `SELECT application_name FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'triptick%'`,
    )
    return rows
  }
  await expect.poll(left).toEqual([])
})

test('two processes with the role are an owner and a standby, and both are ready', async () => {
  const roles = await Promise.all([startProjections(context()), startProjections(context())])
  for (const role of roles) await role.stop()
})

test('read models of another version refuse the start and tell the way out', async () => {
  const role = await startProjections(context())
  await role.stop()
  await world.pool.query('UPDATE read.model SET version = $1', [READ_MODEL_VERSION + 1])
  await expect(startProjections(context())).rejects.toThrow(/triptick rebuild/)
})

/** What keeps one loop of the worker from going on keeps no body of another alive. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMetrics } from '../../../runtime/metrics.ts'
import { startRetention } from '../../../workers/retention/retention.ts'
import { DEFAULT_RETENTION } from '../../../workers/retention/settings.ts'
import { createWorld, quiet, type World } from '../../projections/support/world.ts'
import { blocked, conversation, createReadWorld, overdue, wait, waitingIn } from './kit.ts'

let world: World

beforeAll(async () => {
  world = await createReadWorld()
})
afterAll(() => world.end())

const startOn = (pool: pg.Pool, log = quiet) =>
  startRetention({
    pool,
    handler: { converse: (async () => ({ kind: 'done', result: {} })) as never },
    settings: { ...DEFAULT_RETENTION, lookMs: 50, againMs: 50, page: 10 },
    metrics: createMetrics('test'),
    log,
  })

const vacuums = async (pool: pg.Pool): Promise<number> => {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT vacuum_count::int AS count FROM pg_stat_user_tables WHERE relid = 'ledger.temporary_bodies'::regclass`,
  )
  return rows[0]?.count as number
}

const BOTH_HAVE_IT = [
  { who: 'alice', has: 100 },
  { who: 'bob', has: 100 },
]
const BODIES = Array.from({ length: 25 }, (_, index) => ({ seq: index + 1, by: 'alice' }))

/** Holds a body of the conversation, so that nobody can destroy it. */
async function hold(id: string): Promise<() => Promise<void>> {
  const holder = await world.pool.connect()
  await holder.query('BEGIN')
  await holder.query(
    'SELECT FROM ledger.temporary_bodies WHERE conversation_id = $1 ORDER BY seq LIMIT 1 FOR UPDATE',
    [id],
  )
  return async () => {
    await holder.query('ROLLBACK')
    holder.release()
  }
}

test('bodies whose time is over are destroyed, and vacuumed, while those that are delivered cannot be', async () => {
  const [waiting, others] = [conversation(1), conversation(2)]
  await wait(world.pool, waiting, BOTH_HAVE_IT, BODIES)
  const letGo = await hold(waiting)
  const worker = startOn(world.pool)
  await expect.poll(() => blocked(world.pool)).toHaveLength(1)
  const [stuck] = await blocked(world.pool)
  const before = await vacuums(world.pool)
  await overdue(world.pool, others, 35)
  await expect.poll(() => waitingIn(world.pool, others)).toEqual([])
  await expect.poll(() => vacuums(world.pool)).toBeGreaterThan(before)
  // All the while it was the same statement that waited.
  expect(await blocked(world.pool)).toEqual([stuck])
  expect(await waitingIn(world.pool, waiting)).toHaveLength(BODIES.length)
  await letGo()
  await expect.poll(() => waitingIn(world.pool, waiting)).toEqual([])
  await worker.stop()
})

test('bodies whose time is over are destroyed, and vacuumed, when there are no read models', async () => {
  const bare = await createWorld('migrated')
  const worker = startOn(bare.pool)
  for (const n of [1, 2]) {
    const before = await vacuums(bare.pool)
    await overdue(bare.pool, conversation(n), 25)
    await expect.poll(() => waitingIn(bare.pool, conversation(n))).toEqual([])
    await expect.poll(() => vacuums(bare.pool)).toBeGreaterThan(before)
  }
  await worker.stop()
  await bare.end()
})

test('what could not be destroyed is tried again, though nothing has moved since', async () => {
  let failures = 0
  const log = { ...quiet, warn: () => failures++ } as unknown as typeof quiet
  const impatient = new pg.Pool({ connectionString: world.url, max: 4, statement_timeout: 200 })
  const worker = startOn(impatient, log)
  // Settled: after its first sweep it looks at everything once more, and then only at what has moved.
  for (const n of [3, 4]) {
    await wait(world.pool, conversation(n), BOTH_HAVE_IT, BODIES, n)
    await expect.poll(() => waitingIn(world.pool, conversation(n))).toEqual([])
  }
  const id = conversation(5)
  await wait(world.pool, id, BOTH_HAVE_IT, BODIES, 0)
  const letGo = await hold(id)
  await world.pool.query(
    `WITH projected AS (UPDATE read.checkpoints SET position = 5)
     UPDATE read.conversations SET last_position = 5 WHERE conversation_id = $1`,
    [id],
  )
  await expect.poll(() => failures).toBeGreaterThan(2)
  await letGo()
  await expect.poll(() => waitingIn(world.pool, id)).toEqual([])
  await worker.stop()
  await impatient.end()
})

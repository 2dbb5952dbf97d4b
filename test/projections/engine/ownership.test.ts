import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import type { FailPoint } from '../../../projections/engine/fail-point.ts'
import { type Ownership, tryOwnership } from '../../../projections/engine/ownership.ts'
import { createSession } from '../../../projections/engine/session.ts'
import { rebuild } from '../../../projections/rebuild/rebuild.ts'
import { READ_MODEL_VERSION } from '../../../projections/schema.ts'
import { UnansweredError } from '../../../runtime/postgres-client.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { openSilentNetwork } from '../../support/silent-network.ts'
import { dump } from '../support/dump.ts'
import { someTalk } from '../support/talk.ts'
import { createWorld, projected, quiet, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())
afterEach(() => world.clear())

const events = someTalk({ conversations: 5, turns: 60 })

/** The rows that these events give, one by one. */
async function expected(of: readonly RecordedEvent[]): Promise<unknown> {
  const stands = await dump(world.pool)
  await world.clear()
  await world.project(createMemoryLedger(of), { settings: { lanes: 1, batchEvents: 1 } })
  const wanted = await dump(world.pool)
  expect(stands).toEqual(wanted)
  return wanted
}

/** Ends the connections of this name, as a restart of Postgres or a firewall would. */
const cut = (name: string) =>
  world.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE $1`,
    [name],
  )

const POINTS: readonly FailPoint[] = [
  'before the transaction',
  'after the checkpoint',
  'before the commit',
  'after the commit',
]

test.each(POINTS)(
  'an engine that dies %s leaves nothing half done: the next one goes on, nothing is lost or doubled',
  async (point) => {
    const ledger = createMemoryLedger(events, 20)
    let deaths = 0
    for (let nth = 1; nth <= 6; nth++) {
      let passed = 0
      const engine = world.start(ledger, {
        settings: { batchEvents: 9 },
        failAt: (reached) => {
          if (reached === point && ++passed === nth) throw new Error('killed')
        },
      })
      const died = await Promise.race([
        engine.finished.then(
          () => false,
          () => true,
        ),
        projected(world.pool, await ledger.head()).then(() => false),
      ])
      if (died) deaths++
      await engine.stop()
    }
    expect(deaths).toBeGreaterThan(3)
    await world.project(ledger)
    await expected(events)
  },
)

test('a second engine stands by, and takes over when the first one is gone', async () => {
  const ledger = createMemoryLedger(events.slice(0, 50))
  const first = world.start(ledger)
  await projected(world.pool, await ledger.head())
  const second = world.start(ledger)
  ledger.add(events.slice(50, 80))
  await projected(world.pool, await ledger.head())
  expect([first.state, second.state]).toEqual(['running', 'standby'])
  await first.stop()
  ledger.add(events.slice(80))
  await projected(world.pool, await ledger.head())
  expect([first.state, second.state]).toEqual(['stopped', 'running'])
  await second.stop()
  await expected(events)
})

test('an engine whose lock was lost stands by, and the one that took over goes on undisturbed', async () => {
  const ledger = createMemoryLedger(events.slice(0, 50))
  const first = world.start(ledger)
  await projected(world.pool, await ledger.head())
  const second = world.start(ledger)
  await cut('triptick read owner')
  for (let i = 50; i < events.length; i += 5) {
    ledger.add(events.slice(i, i + 5))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await projected(world.pool, await ledger.head())
  // Who lost the lock closes its connections first, and the other one may have projected everything by then.
  await expect.poll(() => [first.state, second.state].sort()).toEqual(['running', 'standby'])
  await Promise.all([first.stop(), second.stop()])
  await expected(events)
})

test('Postgres looks after the connections of the lock and of the lanes, and ends a batch that stands still', async () => {
  // On the socket of a machine nobody vanishes without a word, and Postgres says 0.
  const overTcp = new URL(world.url)
  overTcp.hostname = '127.0.0.1'
  const lock = (await tryOwnership(overTcp.href, 'read')) as Ownership
  const lane = createSession(overTcp.href, 'test')
  const text = `SELECT name, setting FROM pg_settings WHERE name ~ '^tcp_' ORDER BY name`
  for (const { rows } of [await lock.query(text), await lane.query({ name: 'settings', text })]) {
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      tcp_keepalives_count: '3',
      tcp_keepalives_idle: '10',
      tcp_keepalives_interval: '5',
      tcp_user_timeout: '20000',
    })
  }
  const idle = await lane.query({ name: 'idle', text: 'SHOW idle_in_transaction_session_timeout' })
  expect(idle.rows).toEqual([{ idle_in_transaction_session_timeout: '1min' }])
  await lane.close()
  await lock.release()
})

test('Postgres ends the connection of an owner that says nothing for half a minute, but not that of a rebuild', async () => {
  for (const [what, setting] of [
    ['read', '30s'],
    ['search', '30s'],
    ['rebuild', '0'],
  ] as const) {
    const lock = (await tryOwnership(world.url, what)) as Ownership
    expect((await lock.query('SHOW idle_session_timeout')).rows).toEqual([{ idle_session_timeout: setting }])
    await lock.release()
  }
})

test('a lock whose connection does not answer is lost, and given back in time', async () => {
  const network = await openSilentNetwork(world.url)
  const lock = (await tryOwnership(network.url, 'read', 3_000)) as Ownership
  await lock.query('SELECT 1')
  network.silence()
  await expect(lock.query('SELECT 1')).rejects.toThrow(UnansweredError)
  expect(lock.lost.aborted).toBe(true)
  await lock.release()
  await network.close()
})

test('a zombie that lost its lanes without noticing writes nothing more, stops and says why', async () => {
  const ledger = createMemoryLedger(events.slice(0, 50))
  const zombie = world.start(ledger)
  await projected(world.pool, await ledger.head())
  await world.pool.query('UPDATE read.checkpoints SET owner = gen_random_uuid()')
  const before = await dump(world.pool)
  ledger.add(events.slice(50))
  await expect(zombie.finished).rejects.toThrow('belongs to another engine by now')
  expect(zombie.state).toBe('failed')
  expect(await dump(world.pool)).toEqual(before)
})

test('an engine whose checkpoint was moved by somebody stops and says so', async () => {
  const ledger = createMemoryLedger(events.slice(0, 50))
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  await world.pool.query('UPDATE read.checkpoints SET position = position + 1')
  ledger.add(events.slice(50))
  await expect(engine.finished).rejects.toThrow(/no longer stands at 50/)
})

test('connections that break again and again cost time, and no event', async () => {
  const ledger = createMemoryLedger(events.slice(0, 20), 10)
  const engine = world.start(ledger, { settings: { batchEvents: 7 } })
  await projected(world.pool, await ledger.head())
  for (let i = 20; i < events.length; i += 10) {
    ledger.add(events.slice(i, i + 10))
    await cut('triptick read lane %')
    await new Promise((resolve) => setTimeout(resolve, 8))
  }
  await projected(world.pool, await ledger.head())
  expect(engine.state).toBe('running')
  await engine.stop()
  await expected(events)
})

test('a commit whose answer got lost is recognised, and its batch is not applied twice', async () => {
  const ledger = createMemoryLedger(events, 20)
  let cuts = 0
  const engine = world.start(ledger, {
    settings: { lanes: 1, batchEvents: 11 },
    failAt: (point) => {
      // What `pg` reports when the connection ends between the commit and its answer.
      if (point === 'after the commit' && cuts++ < 3) throw new Error('Connection terminated unexpectedly')
    },
  })
  await projected(world.pool, await ledger.head())
  expect(engine.state).toBe('running')
  await engine.stop()
  await expected(events)
})

test('idle lanes follow the busy ones, so that the lowest position tells what is projected', async () => {
  const oneConversation = someTalk({ conversations: 1, turns: 40 })
  const ledger = createMemoryLedger()
  const engine = world.start(ledger, { settings: { lanes: 4 } })
  for (let i = 0; i < oneConversation.length; i += 10) {
    ledger.add(oneConversation.slice(i, i + 10))
    await projected(world.pool, await ledger.head())
  }
  await engine.stop()
})

test('events of other streams are passed over, so that a quiet ledger is not mistaken for a lag', async () => {
  const events = someTalk({ conversations: 2, turns: 5, elsewhere: 3 })
  const ledger = createMemoryLedger(events)
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  await engine.stop()
})

test('the number of lanes changes where all of them stand together, and the rows are the same', async () => {
  const ledger = createMemoryLedger()
  let sent = 0
  for (const lanes of [1, 3, 2, 5]) {
    ledger.add(events.slice(sent, sent + 40))
    sent += 40
    await world.project(ledger, { settings: { lanes } })
    const { rows } = await world.pool.query('SELECT count(*)::int AS lanes FROM read.checkpoints')
    expect(rows[0].lanes).toBe(lanes)
  }
  ledger.add(events.slice(sent))
  await world.project(ledger)
  await expected(events)
})

test('read models of events that the ledger no longer holds stop the engine, which says why; a rebuild puts them right', async () => {
  await world.project(createMemoryLedger(events))
  // Of a rebuild that was interrupted.
  await world.project(createMemoryLedger(events), { schema: 'read_next' })
  // As a backup that is older than both.
  const restored = createMemoryLedger(events.slice(0, 100))
  const engine = world.start(restored)
  await expect(engine.finished).rejects.toThrow(
    `stand at position ${events.at(-1)?.position}, and the ledger ends before that`,
  )
  const signal = new AbortController().signal
  const rebuilt = await rebuild({ databaseUrl: world.url, ledger: restored, log: quiet, signal })
  expect(rebuilt).toMatchObject({ swapped: true, resumed: false })
  restored.add(events.slice(100))
  await world.project(restored)
  await expected(events)
})

test('read models of another version are left alone, and the way out is told', async () => {
  await world.project(createMemoryLedger(events))
  await world.pool.query('UPDATE read.model SET version = $1', [READ_MODEL_VERSION + 1])
  const engine = world.start(createMemoryLedger(events))
  await expect(engine.finished).rejects.toThrow('run `npx triptick rebuild`')
})

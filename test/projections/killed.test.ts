import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RecordedEvent } from '../../ledger/ledger.ts'
import { buildProgram } from '../support/built-program.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { dump } from './support/dump.ts'
import { record } from './support/postgres-past.ts'
import { createProcesses, type Processes } from './support/processes.ts'
import { someTalk } from './support/talk.ts'
import { createWorld, projected, type World } from './support/world.ts'

let world: World
let processes: Processes
beforeAll(buildProgram)
beforeEach(async () => {
  world = await createWorld('migrated')
  processes = createProcesses(world.url)
})
afterEach(async () => {
  await processes.end()
  await world.end()
})
const events = someTalk({ conversations: 20, turns: 9_000 })
const head = events.at(-1)?.position as RecordedEvent['position']

/** The rows that these events give in one undisturbed go. */
async function undisturbed(): Promise<unknown> {
  await world.clear()
  await world.project(createMemoryLedger(events), { settings: { batchEvents: 2_000 } })
  return await dump(world.pool)
}

const position = async (schema: string): Promise<bigint> => {
  const { rows } = await world.pool
    .query<{ position: string | null }>(`SELECT min(position) AS position FROM ${schema}.checkpoints`)
    .catch(() => ({ rows: [] }))
  return BigInt(rows[0]?.position ?? -1)
}

test('projections that are killed (kill -9) again and again lose nothing and double nothing', async () => {
  const share = 5_500
  let reached = 0n
  for (let kills = 0; kills < 4; kills++) {
    // Something new for each of them, should the one before have come to the end before it was killed.
    await record(world.pool, events.slice(kills * share, (kills + 1) * share))
    const { child, ended } = processes.start('start', '--role', 'projections')
    // In the middle of its work: it has moved on, and is not done.
    const target = reached
    await expect.poll(() => position('read'), { timeout: 30_000, interval: 5 }).toBeGreaterThan(target)
    child.kill('SIGKILL')
    await ended
    reached = await position('read')
  }
  await record(world.pool, events.slice(4 * share))
  processes.start('start', '--role', 'projections')
  await projected(world.pool, head, 'read', 40_000)
  const stands = await dump(world.pool)
  await processes.end()
  expect(stands).toEqual(await undisturbed())
})

test('projections that stand still (SIGSTOP) are followed by a standby, and write nothing when they go on', async () => {
  const [some, all] = [events.slice(0, 2_000), events.slice(0, 4_000)]
  await record(world.pool, some)
  const { child } = processes.start('start', '--role', 'projections')
  await projected(world.pool, some.at(-1)?.position as RecordedEvent['position'], 'read', 40_000)
  child.kill('SIGSTOP')
  await record(world.pool, all.slice(2_000))
  processes.start('start', '--role', 'projections')
  // Half a minute without a beat, and as much again where it stands still in the middle of a batch.
  await projected(world.pool, all.at(-1)?.position as RecordedEvent['position'], 'read', 150_000)
  const stands = await dump(world.pool)
  child.kill('SIGCONT')
  await sleep(3_000)
  expect(await dump(world.pool)).toEqual(stands)
  await processes.end()
  await world.clear()
  await world.project(createMemoryLedger(all), { settings: { batchEvents: 2_000 } })
  expect(stands).toEqual(await dump(world.pool))
}, 240_000)

test('a rebuild that is killed (kill -9) anywhere and run again gives the same rows, beside a projection that goes on', async () => {
  await record(world.pool, events.slice(0, 22_000))
  processes.start('start', '--role', 'projections')
  await projected(world.pool, events[21_999]?.position as RecordedEvent['position'], 'read', 40_000)
  for (const afterMs of [150, 500, 900, 1_300]) {
    const { child, ended } = processes.start('rebuild', '--compare')
    await expect
      .poll(() => position('read_next'), { timeout: 30_000, interval: 5 })
      .toBeGreaterThanOrEqual(0n)
    await sleep(afterMs)
    child.kill('SIGKILL')
    await ended
  }
  const rest = record(world.pool, events.slice(22_000))
  const { code, out, err } = await processes.run('rebuild', '--compare', '--json')
  await rest
  expect({ code, err: err.includes('Error') }).toEqual({ code: 0, err: false })
  expect(JSON.parse(out)).toMatchObject({ swapped: true })
  await projected(world.pool, head, 'read', 40_000)
  const stands = await dump(world.pool)
  await processes.end()
  expect(stands).toEqual(await undisturbed())
})

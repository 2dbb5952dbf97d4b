import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BEGINNING, type Position } from '../../../ledger/ledger.ts'
import { projectedPosition } from '../../../projections/queries/projected-position.ts'
import { projectionLag } from '../../../projections/queries/projection-lag.ts'
import {
  createPatientWaiter,
  createProjectionWaiter,
} from '../../../projections/queries/projection-waiter.ts'
import type { Database } from '../../../projections/queries/statement.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { someTalk } from '../support/talk.ts'
import { createWorld, projected, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())
afterEach(() => world.clear())

const events = someTalk({ conversations: 3, turns: 30 })
const head = events.at(-1)?.position as Position

test('whoever waits for a position is told as soon as everything up to it is projected', async () => {
  const ledger = createMemoryLedger(events.slice(0, 10))
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  const waiter = createProjectionWaiter(world.pool)
  const waiting = events.slice(10).map(async ({ position }) => {
    expect(await waiter.waitFor(position, 15_000)).toBe(true)
    expect(await projectedPosition(world.pool)).toBeGreaterThanOrEqual(position)
  })
  ledger.add(events.slice(10))
  await Promise.all(waiting)
  await engine.stop()
})

test('whoever waits does not wait for the window of the lanes, and whoever is patient does', async () => {
  const ledger = createMemoryLedger(events.slice(0, 10))
  const windowMs = 12_000
  const engine = world.start(ledger, { settings: { windowMs } })
  await projected(world.pool, await ledger.head())
  const begun = performance.now()
  const waiter = createProjectionWaiter(world.pool)
  for (const end of [20, 30]) {
    ledger.add(events.slice(end - 10, end))
    expect(await waiter.waitFor(await ledger.head(), windowMs)).toBe(true)
  }
  expect(performance.now() - begun).toBeLessThan(windowMs / 2)
  // The hurry passes.
  await new Promise((resolve) => setTimeout(resolve, 200))
  ledger.add(events.slice(30))
  expect(await createPatientWaiter(world.pool).waitFor(head, 1_500)).toBe(false)
  expect(await waiter.waitFor(head, windowMs / 2)).toBe(true)
  await engine.stop()
})

test('waiting ends when its time is over, without an answer that is not true', async () => {
  await world.project(createMemoryLedger(events))
  const waiter = createProjectionWaiter(world.pool)
  const begun = performance.now()
  expect(await waiter.waitFor((head + 1n) as Position, 60)).toBe(false)
  expect(performance.now() - begun).toBeGreaterThan(55)
  expect(await waiter.waitFor(head, 10_000)).toBe(true)
})

test('… also while Postgres does not answer, and whoever waits longer has its answer', async () => {
  await world.project(createMemoryLedger(events))
  let answer = () => {}
  const silence = new Promise<void>((resolve) => {
    answer = resolve
  })
  const silent = {
    query: (...args: Parameters<typeof world.pool.query>) => silence.then(() => world.pool.query(...args)),
  } as unknown as Database
  const waiter = createProjectionWaiter(silent)
  const patient = waiter.waitFor(head, 10_000)
  expect(await waiter.waitFor(head, 60)).toBe(false)
  answer()
  expect(await patient).toBe(true)
})

test('any number of waiters cost one poll at a time, and none when nobody waits', async () => {
  await world.project(createMemoryLedger(events))
  let asked = 0
  let atOnce = 0
  const counting = {
    async query(...args: Parameters<typeof world.pool.query>) {
      // The hint to the engine is nobody's answer, and is not waited for.
      if ((args[0] as unknown as { name: string }).name === 'hurry the projection') return { rows: [] }
      asked++
      expect(++atOnce).toBe(1)
      const result = await world.pool.query(...args)
      atOnce--
      return result
    },
  } as unknown as Database
  const waiter = createProjectionWaiter(counting)
  const all = Array.from({ length: 500 }, () => waiter.waitFor((head + 1n) as Position, 100))
  expect(new Set(await Promise.all(all))).toEqual(new Set([false]))
  expect(asked).toBeLessThan(15)
  const before = asked
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(asked).toBe(before)
})

test('a failure is told to everybody who waits, and later ones wait anew', async () => {
  await world.project(createMemoryLedger(events))
  let broken = true
  const database = {
    query: (...args: Parameters<typeof world.pool.query>) =>
      broken ? Promise.reject(new Error('no database')) : world.pool.query(...args),
  } as unknown as Database
  const waiter = createProjectionWaiter(database)
  await expect(Promise.all([waiter.waitFor(head, 10_000), waiter.waitFor(head, 10_000)])).rejects.toThrow(
    'no database',
  )
  broken = false
  expect(await waiter.waitFor(head, 10_000)).toBe(true)
})

test('the lag is 0 when everything is projected, and otherwise the age of what is known to be projected', async () => {
  await world.project(createMemoryLedger(events))
  const caughtUp = await projectionLag(world.pool, head)
  expect(caughtUp).toMatchObject({ seconds: 0, position: head })
  // The events are from 2023, and nobody has said since that nothing was missing.
  await world.pool.query('UPDATE read.model SET caught_up_at = NULL')
  expect((await projectionLag(world.pool, (head + 1n) as Position)).seconds).toBeGreaterThan(86_400)
  await world.pool.query(`UPDATE read.model SET caught_up_at = clock_timestamp() - interval '1 h'`)
  const { seconds } = await projectionLag(world.pool, (head + 1n) as Position)
  expect(seconds / 3_600).toBeCloseTo(1, 1)
})

test('an engine that runs and has nothing to do says so, again and again', async () => {
  const engine = world.start(createMemoryLedger(events))
  await projected(world.pool, head)
  await expect
    .poll(async () => (await projectionLag(world.pool, (head + 1n) as Position)).seconds)
    .toBeLessThan(2)
  await engine.stop()
})

test('before the first projections process has made the read models, nothing is projected', async () => {
  expect(await projectedPosition(world.pool)).toBe(BEGINNING)
})

import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import type { FailPoint } from '../../../projections/engine/fail-point.ts'
import { history } from '../../../projections/queries/history.ts'
import { inbox } from '../../../projections/queries/inbox.ts'
import { type RebuildOptions, rebuild } from '../../../projections/rebuild/rebuild.ts'
import { returnToPrevious } from '../../../projections/rebuild/return.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { happenings, PEOPLE, pastOf } from '../../support/random-past.ts'
import { dump } from '../support/dump.ts'
import { createWorld, projected, quiet, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())
afterEach(() => world.clear())

const somePast = (): readonly RecordedEvent[] =>
  fc
    .sample(happenings({ conversations: 6, max: 400 }), { seed: 7, numRuns: 4 })
    .flatMap((happened, index) => (index === 3 ? pastOf(happened).events : []))

const options = (ledger: RebuildOptions['ledger'], more: Partial<RebuildOptions> = {}): RebuildOptions => ({
  databaseUrl: world.url,
  ledger,
  log: quiet,
  signal: new AbortController().signal,
  ...more,
})

const differences = (result: Awaited<ReturnType<typeof rebuild>>) =>
  result.compared?.filter(({ equal }) => !equal)

test('read models that were dropped are rebuilt to the same rows, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(happenings({ max: 150 }), async (happened) => {
      const ledger = createMemoryLedger(pastOf(happened).events)
      await world.clear()
      await world.project(ledger, { settings: { batchEvents: 7 } })
      const live = await dump(world.pool)
      await world.clear()
      expect(await rebuild(options(ledger))).toMatchObject({ swapped: true, resumed: false })
      expect(await dump(world.pool)).toEqual(live)
    }),
    { numRuns: 5 },
  )
})

test('a rebuild beside a live projection swaps without losing or doubling an event, however the two interleave', async () => {
  const events = somePast()
  const ledger = createMemoryLedger(events.slice(0, 100), 10)
  const engine = world.start(ledger, { settings: { batchEvents: 5 } })
  // Events keep coming through every step, a few at a time.
  let sent = 100
  const feeding = setInterval(() => {
    ledger.add(events.slice(sent, sent + 2))
    sent += 2
  }, 3)
  const results = []
  while (sent < events.length || results.length < 3)
    results.push(await rebuild(options(ledger, { compare: true })))
  clearInterval(feeding)
  await projected(world.pool, await ledger.head())
  expect(results.map((result) => differences(result))).toEqual(results.map(() => []))
  // The last swap may have been all it took: the projection that was swapped under claims the tables again by itself.
  await vi.waitFor(() => expect(engine.state).toBe('running'), { timeout: 20_000, interval: 20 })
  await engine.stop()
  await engine.finished
  const live = await dump(world.pool)
  await world.clear()
  await world.project(ledger, { settings: { lanes: 1, batchEvents: 1 } })
  expect(live).toEqual(await dump(world.pool))
})

test('what differs is reported with the keys of its rows, and nothing is swapped', async () => {
  const ledger = createMemoryLedger(somePast())
  await world.project(ledger)
  await world.pool.query(`UPDATE read.members SET read_seq = read_seq + 1 WHERE user_id = 'ann'`)
  const before = await dump(world.pool)
  const result = await rebuild(options(ledger, { compare: true }))
  expect(result.swapped).toBe(false)
  expect(differences(result)?.map(({ table }) => table)).toEqual(['members'])
  expect(differences(result)?.[0]?.differing[0]).toMatch(/ ann$/)
  expect(await dump(world.pool)).toEqual(before)
})

test('after a return the former read models are in place again and catch up, and one can return from the return', async () => {
  const events = somePast()
  const ledger = createMemoryLedger(events.slice(0, 100))
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  await world.pool.query(`COMMENT ON TABLE read.members IS 'the first build'`)
  await rebuild(options(ledger))
  ledger.add(events.slice(100))
  await projected(world.pool, await ledger.head())
  const rebuilt = await dump(world.pool)

  await returnToPrevious(world.url)
  const comment = async () =>
    (await world.pool.query(`SELECT obj_description('read.members'::regclass) AS comment`)).rows[0]?.comment
  expect(await comment()).toBe('the first build')
  await projected(world.pool, await ledger.head())
  expect(await dump(world.pool)).toEqual(rebuilt)

  await returnToPrevious(world.url)
  expect(await comment()).toBe(null)
  await projected(world.pool, await ledger.head())
  expect(await dump(world.pool)).toEqual(rebuilt)
  await engine.stop()
})

test('one can return although a rebuild was begun and not finished since', async () => {
  const ledger = createMemoryLedger(somePast())
  await world.project(ledger)
  await world.pool.query(`COMMENT ON TABLE read.members IS 'the first build'`)
  await rebuild(options(ledger))
  const failAt = () => {
    throw new Error('killed')
  }
  await expect(rebuild(options(ledger, { failAt }))).rejects.toThrow()

  await returnToPrevious(world.url)
  const { rows } = await world.pool.query(`SELECT obj_description('read.members'::regclass) AS comment`)
  expect(rows).toEqual([{ comment: 'the first build' }])
  expect(await rebuild(options(ledger))).toMatchObject({ swapped: true, resumed: false })
})

test('a rebuild that was killed anywhere is run again and gives the same rows', async () => {
  const ledger = createMemoryLedger(somePast(), 20)
  await world.project(ledger)
  const live = await dump(world.pool)
  const points: FailPoint[] = [
    'before the transaction',
    'after the checkpoint',
    'before the commit',
    'after the commit',
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...points), fc.integer({ min: 1, max: 12 }), async (point, nth) => {
      let passed = 0
      const failAt = (reached: FailPoint) => {
        if (reached === point && ++passed === nth) throw new Error('killed')
      }
      const first = await rebuild(options(ledger, { compare: true, failAt })).catch((error: Error) => error)
      const result = first instanceof Error ? await rebuild(options(ledger, { compare: true })) : first
      expect(differences(result)).toEqual([])
      expect(result.swapped).toBe(true)
      expect(await dump(world.pool)).toEqual(live)
    }),
    { numRuns: 12 },
  )
})

test('without a swap everything stays as it was', async () => {
  const ledger = createMemoryLedger(somePast())
  await world.project(ledger)
  const result = await rebuild(options(ledger, { compare: true, swap: false }))
  expect(result).toMatchObject({ swapped: false })
  expect(differences(result)).toEqual([])
  const { rows } = await world.pool.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'read%'`)
  expect(rows).toEqual([{ nspname: 'read' }])
})

test('of two rebuilds at once the second one is refused', async () => {
  const ledger = createMemoryLedger(somePast())
  let second: Promise<unknown> | undefined
  const during = () => {
    second ??= rebuild(options(ledger)).catch((error: Error) => error.message)
  }
  await rebuild(options(ledger, { onProgress: during }))
  expect(await second).toMatch('another rebuild is running')
})

test('whoever reads while builds are swapped notices nothing: every answer is whole, and none comes from before', async () => {
  const events = somePast()
  const ledger = createMemoryLedger(events.slice(0, 120), 10)
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  let swapping = true
  let answers = 0
  const reading = Array.from({ length: 4 }, async () => {
    const newest = new Map<string, number>()
    while (swapping) {
      for (const userId of PEOPLE) {
        for (const { conversationId, lastMessage } of (await inbox(world.pool, userId, { limit: 20 }))
          ?.entries ?? []) {
          const page = await history(world.pool, conversationId, userId, { limit: 5 })
          const key = `${userId} ${conversationId}`
          const seq = Math.max(lastMessage?.seq ?? 0, page.at(-1)?.seq ?? 0)
          expect(seq).toBeGreaterThanOrEqual(newest.get(key) ?? 0)
          newest.set(key, seq)
          answers++
        }
      }
    }
  })
  for (let round = 1; round <= 4; round++) {
    await rebuild(options(ledger))
    ledger.add(events.slice(100 + 20 * round, 120 + 20 * round))
  }
  swapping = false
  await Promise.all(reading)
  expect(answers).toBeGreaterThan(100)
  await engine.stop()
})

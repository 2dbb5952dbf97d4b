import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { happenings, pastOf } from '../../support/random-past.ts'
import { dump } from '../support/dump.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())

test('any history gives the same rows byte for byte, whatever the lanes, the batches and the pages', async () => {
  await fc.assert(
    fc.asyncProperty(
      happenings({ max: 150 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(1, 7),
      async (happened, lanes, batchEvents, pageSize, step) => {
        const { events } = pastOf(happened, { step })
        await world.clear()
        await world.project(createMemoryLedger(events), { settings: { lanes: 1, batchEvents: 1 } })
        const oneByOne = await dump(world.pool)
        await world.clear()
        await world.project(createMemoryLedger(events, pageSize), { settings: { lanes, batchEvents } })
        expect(await dump(world.pool)).toEqual(oneByOne)
      },
    ),
    { numRuns: 15 },
  )
})

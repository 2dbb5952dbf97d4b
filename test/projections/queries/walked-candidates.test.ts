/** A walk down the newest messages: held against what a person may read by definition, wherever it begins, ends or is cut. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Position } from '../../../ledger/ledger.ts'
import { searchedStretches } from '../../../projections/queries/searched-stretches.ts'
import { walkedCandidates } from '../../../projections/queries/walked-candidates.ts'
import { PEOPLE } from '../../support/random-past.ts'
import { onProjectedPasts } from '../support/projected-pasts.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())

/** So that conversations of a few messages have several stretches. */
const SIZE = 2

test('a walk finds every match above its floor that its person may read, and none below, however early it is cut', async () => {
  let cut = 0
  let found = 0
  await onProjectedPasts(world, async (oracle, _events, dice) => {
    await world.pool.query('TRUNCATE search.messages')
    // Two of three match.
    await world.pool.query(`
      INSERT INTO search.messages
      SELECT conversation_id, seq, position, CASE WHEN position % 3 > 0 THEN 'word' ELSE 'other' END::tsvector
      FROM read.messages`)
    for (const userId of PEOPLE) {
      const readable = oracle.readable(userId)
      const matching = readable.filter((position) => position % 3n > 0n)
      const { stretches } = await searchedStretches(world.pool, userId, null, SIZE)
      const into = stretches.map((stretch) => ({ ...stretch, query: "'word'" }))
      const [top = 1n] = readable
      for (const most of [1, 3, 7, 1000]) {
        const above = ((top * BigInt(dice % 4)) / 4n) as Position
        const below = (top - BigInt(dice % 3) + 1n) as Position
        const part = into.filter(({ after, newest }) => newest > above && after < below)
        const walked = await walkedCandidates(world.pool, part, userId, { above, below }, most, 1000)
        expect(walked.floor).toBeGreaterThanOrEqual(above)
        expect(walked.candidates.map(({ position }) => position)).toEqual(
          matching.filter((position) => position > walked.floor && position < below),
        )
        if (most === 1000) expect(walked.floor).toBe(above)
        if (walked.floor > above && walked.candidates.length > 0) cut++
        found += walked.candidates.length
      }
    }
  })
  expect(found).toBeGreaterThan(0)
  expect(cut).toBeGreaterThan(0)
})

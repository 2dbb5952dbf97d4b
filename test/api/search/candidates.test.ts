/** The places of a search, from stretch to stretch: held against what a person may read by definition, in whatever window it is asked. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newestCandidates } from '../../../api/search/candidates.ts'
import { parseQuery } from '../../../domain/search/query.ts'
import type { Position } from '../../../ledger/ledger.ts'
import type { BlindLexemes } from '../../../ledger/sealing/blind-lexemes.ts'
import { searchedStretches } from '../../../projections/queries/searched-stretches.ts'
import { onProjectedPasts } from '../../projections/support/projected-pasts.ts'
import { createWorld, type World } from '../../projections/support/world.ts'
import { PEOPLE } from '../../support/random-past.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())

/** So that people have more stretches than are looked into first. */
const SIZE = 2
/** A word has another name in each stretch, as in the index. */
const lexemes = {
  queries: (stretches) =>
    stretches.map(({ conversationId, stretch }) => `'word-${conversationId}-${stretch}'`),
} as Pick<BlindLexemes, 'queries'> as BlindLexemes
const query = parseQuery('word ')
/** How many of the newest, below which quarter of what there is: few and many, of the newest and of the oldest. */
const LOOKS = [1, 2, 5, 1000].flatMap((limit) => [1n, 2n, 3n, 4n].map((quarter) => [limit, quarter] as const))

test('a search finds the newest matches between two positions that its person may read, however old they are', async () => {
  let found = 0
  let old = 0
  await onProjectedPasts(world, async (oracle, _events, dice) => {
    await world.pool.query('TRUNCATE search.messages')
    // One of three matches.
    await world.pool.query(
      `INSERT INTO search.messages
       SELECT conversation_id, seq, position, CASE WHEN position % 3 = 0
         THEN format('''word-%s-%s''', conversation_id, (seq - 1) / $1) ELSE 'other' END::tsvector
       FROM read.messages`,
      [SIZE],
    )
    for (const userId of PEOPLE) {
      const matching = oracle.readable(userId).filter((position) => position % 3n === 0n)
      const { stretches } = await searchedStretches(world.pool, userId, null, SIZE)
      const [top = 1n] = matching
      for (const [limit, quarter] of LOOKS) {
        const above = ((top * BigInt(dice % 3)) / 6n) as Position
        const below = ((top * quarter) / 4n + 1n) as Position
        const candidates = await newestCandidates(
          { pool: world.pool, lexemes },
          { userId, query, stretches },
          { above, below },
          limit,
        )
        const expected = matching.filter((position) => position > above && position < below).slice(0, limit)
        expect(candidates.map(({ position }) => position)).toEqual(expected)
        found += expected.length
        if (stretches.filter(({ after }) => after >= below).length >= 4) old += expected.length
      }
    }
  })
  expect(found).toBeGreaterThan(0)
  // With so many newer stretches before them that a first look does not reach them.
  expect(old).toBeGreaterThan(0)
})

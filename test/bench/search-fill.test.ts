/** What the bench of searches searches: nobody may be waited for, or the delivery worker is measured too. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fill } from '../../bench/search/fill.ts'
import { createVocabulary, seededRandom } from '../../bench/search/vocabulary.ts'
import type { Millis } from '../../domain/ids.ts'
import { undeliveredPeople } from '../../projections/queries/undelivered.ts'
import { createWorld, type World } from '../projections/support/world.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
  // Makes the tables of the read models.
  await world.project(createMemoryLedger([]))
})
afterAll(() => world.end())

test('in the end everybody has read everything that is there, and can search it', async () => {
  const random = seededRandom(1)
  const messages = 2_000
  await fill({
    databaseUrl: world.url,
    masterKey: Buffer.alloc(32, 7),
    messages,
    vocabulary: createVocabulary(random),
    random,
    progress: () => {},
  })
  const olderThan = (Date.now() + 60_000) as Millis
  expect(await undeliveredPeople(world.pool, { olderThan, limit: 1 })).toEqual([])
  const { rows } = await world.pool.query(
    `SELECT (SELECT count(*)::int FROM read.messages) AS sent, (SELECT count(*)::int FROM search.messages) AS found,
            (SELECT count(*)::int FROM read.members m JOIN read.conversations c USING (conversation_id)
             WHERE m.read_seq < c.last_seq) AS unread`,
  )
  expect(rows).toEqual([{ sent: messages, found: messages, unread: 0 }])
})

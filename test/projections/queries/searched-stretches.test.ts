/** Where a search looks: held against what a person may read by definition, also where a message is missing. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UserId } from '../../../domain/ids.ts'
import { PROJECTED_PREFIXES } from '../../../ledger/streams.ts'
import { searchedStretches } from '../../../projections/queries/searched-stretches.ts'
import { PEOPLE } from '../../support/random-past.ts'
import type { Oracle } from '../support/oracle.ts'
import { onProjectedPasts } from '../support/projected-pasts.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())

/** So that conversations of a few messages have several, and some end with their stretch. */
const SIZE = 2

/** No stretch that holds a message which this person may read is left out, or said to be older than that message, or to begin after it. */
async function expectWhole(oracle: Oracle): Promise<void> {
  for (const userId of PEOPLE) {
    const { stretches } = await searchedStretches(world.pool, userId, null, SIZE)
    const newest = stretches.map((one) => one.newest)
    expect(newest).toEqual(newest.toSorted((a, b) => (a > b ? -1 : a < b ? 1 : 0)))
    const named = new Map(stretches.map((one) => [`${one.conversationId} ${one.stretch}`, one] as const))
    expect(named.size).toBe(stretches.length)
    for (const conversationId of oracle.conversations) {
      const visible = new Set(oracle.visible(conversationId, userId))
      for (const { seq, position } of oracle.messages(conversationId)) {
        if (!visible.has(seq)) continue
        const found = named.get(`${conversationId} ${Math.floor((seq - 1) / SIZE)}`)
        expect(found?.newest).toBeGreaterThanOrEqual(position)
        expect(found?.after).toBeLessThan(position)
      }
      const own = stretches.filter((one) => one.conversationId === conversationId)
      const most = own.reduce((sum, one) => sum + one.messages, 0)
      expect(most).toBeGreaterThanOrEqual(visible.size)
      expect(own.every((one) => one.messages > 0)).toBe(true)
      expect((await searchedStretches(world.pool, userId, conversationId, SIZE)).stretches).toEqual(own)
    }
  }
}

test('a search looks wherever there is a message that its person may read, the newest first', async () => {
  await onProjectedPasts(world, expectWhole)
})

test('whoever looks is told how much of the ledger is counted, and how much can be found', async () => {
  await onProjectedPasts(world, async (_oracle, events) => {
    const { rows } = await world.pool.query('SELECT min(position)::text AS head FROM read.checkpoints')
    const head = BigInt(rows[0]?.head ?? 0)
    // What happens elsewhere may move them, and need not.
    const last = events.findLast(({ stream }) =>
      PROJECTED_PREFIXES.some((prefix) => stream.startsWith(prefix)),
    )
    expect(head).toBeGreaterThanOrEqual(last?.position ?? 0n)
    const look = () => searchedStretches(world.pool, PEOPLE[0] as UserId, null, SIZE)
    await world.pool.query('TRUNCATE search.progress')
    expect(await look()).toMatchObject({ projected: head, indexed: 0n })
    await world.pool.query("INSERT INTO search.progress (fingerprint, position) VALUES ('key', 7)")
    await world.pool.query('UPDATE read.checkpoints SET position = position - 1 WHERE lane = 0')
    expect(await look()).toMatchObject({ projected: head - 1n, indexed: 7n })
  })
})

test('a stretch whose last message is not in the read models is not left out', async () => {
  let missing = 0
  await onProjectedPasts(world, async (oracle) => {
    const { rowCount } = await world.pool.query(
      `DELETE FROM read.messages m USING read.conversations c
       WHERE c.conversation_id = m.conversation_id AND m.seq % $1 = 0 AND c.last_seq > m.seq`,
      [SIZE],
    )
    missing += rowCount ?? 0
    await expectWhole(oracle)
  })
  expect(missing).toBeGreaterThan(0)
})

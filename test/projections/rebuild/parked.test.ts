/** A rebuild beside conversations that are parked, here or there: it takes nothing away that was understood or decided. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { conversationOf } from '../../../ledger/streams.ts'
import { parkedConversations } from '../../../projections/parked/list.ts'
import { skipParked } from '../../../projections/parked/skip.ts'
import { freedConversations } from '../../../projections/queries/freed-conversations.ts'
import { rebuild } from '../../../projections/rebuild/rebuild.ts'
import { returnToPrevious } from '../../../projections/rebuild/return.ts'
import { createMemoryLedger, type MemoryLedger } from '../../support/memory-ledger.ts'
import { dump } from '../support/dump.ts'
import { messageOf, sick, someTalk, spoil } from '../support/spoilt.ts'
import { createWorld, projected, quiet, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())
afterEach(() => world.clear())

const rebuildFrom = (ledger: MemoryLedger) =>
  rebuild({ databaseUrl: world.url, ledger, log: quiet, signal: new AbortController().signal })

test('a rebuild that cannot understand what is in use is not swapped in; run again by a program that can, it begins afresh', async () => {
  const events = someTalk()
  await world.project(createMemoryLedger(events))
  const inUse = await dump(world.pool)
  const ledger = createMemoryLedger(spoil(events, messageOf(events, 2), 'of a type that nobody knows'))
  for (let tries = 0; tries < 2; tries++) {
    await expect(rebuildFrom(ledger)).rejects.toThrow(
      `could not be rebuilt, though they are in use now:\n  ${sick}: `,
    )
  }
  expect(await parkedConversations(world.pool)).toEqual([])

  expect(await rebuildFrom(createMemoryLedger(events))).toMatchObject({ swapped: true, resumed: false })
  expect(await parkedConversations(world.pool)).toEqual([])
  expect(await dump(world.pool)).toEqual(inUse)
})

test('… also if what is in use is parked as well, but for a later event', async () => {
  const events = someTalk()
  const inUse = spoil(events, messageOf(events, 3), 'of a type that nobody knows')
  await world.project(createMemoryLedger(inUse))
  const less = spoil(inUse, messageOf(events, 2), 'of a type that nobody knows')
  await expect(rebuildFrom(createMemoryLedger(less))).rejects.toThrow(`in use now:\n  ${sick}: `)
  expect(await rebuildFrom(createMemoryLedger(inUse))).toMatchObject({ swapped: true, resumed: false })
})

test('… also if what it cannot understand comes in last, when it is brought together with what is in use', async () => {
  const events = someTalk()
  const live = createMemoryLedger(events)
  const engine = world.start(live)
  await projected(world.pool, await live.head())
  const inUse = await dump(world.pool)
  const index = messageOf(events, 2)
  const spoilt = createMemoryLedger(spoil(events, index, 'of a type that nobody knows'))
  // What is followed ends before that event; what is read when both are aligned does not.
  const ledger = { ...spoilt, subscribe: createMemoryLedger(events.slice(0, index)).subscribe }
  await world.pool.query('CREATE SCHEMA read_previous')
  await expect(rebuildFrom(ledger)).rejects.toThrow(`though they are in use now:\n  ${sick}: `)
  await engine.stop()
  // What was in use before is still there to return to.
  expect((await world.pool.query(`SELECT FROM pg_namespace WHERE nspname = 'read_previous'`)).rowCount).toBe(
    1,
  )
  expect(await parkedConversations(world.pool)).toEqual([])
  expect(await dump(world.pool)).toEqual(inUse)
})

test('what a rebuild, or a return from one, brings into the read models in use late is noted', async () => {
  await world.pool.query('DELETE FROM gateway.freed_conversations')
  const events = someTalk()
  const [earlier, later] = [messageOf(events, 2), messageOf(events, 3)]
  const spoiltAt = (index: number) => createMemoryLedger(spoil(events, index, 'of a type that nobody knows'))
  const from = (index: number) => ({ conversationId: sick, from: events[index]?.position, until: null })
  await world.project(spoiltAt(earlier))
  await rebuildFrom(spoiltAt(earlier))
  expect(await freedConversations(world.pool)).toEqual([])
  await rebuildFrom(spoiltAt(later))
  expect(await freedConversations(world.pool)).toEqual([from(earlier)])
  await rebuildFrom(createMemoryLedger(events))
  expect(await freedConversations(world.pool)).toEqual([from(earlier), from(later)])
  // Back to where it is parked still nothing is new, and from there again everything is.
  await world.pool.query('DELETE FROM gateway.freed_conversations')
  await returnToPrevious(world.url)
  expect(await freedConversations(world.pool)).toEqual([])
  await returnToPrevious(world.url)
  expect(await freedConversations(world.pool)).toEqual([from(later)])
})

test('what a person skips while a rebuild runs is not undone by it', async () => {
  const events = someTalk()
  const index = messageOf(events, 2)
  const spoilt = createMemoryLedger(spoil(events, index, 'with data that its schema does not take'))
  await world.project(spoilt)
  let skipping: Promise<unknown> | undefined
  const ledger: MemoryLedger = {
    ...spoilt,
    async *subscribe(options) {
      skipping ??= skipParked(world.pool, sick, 'see INC-12')
      await skipping
      yield* spoilt.subscribe(options)
    },
  }
  await expect(rebuildFrom(ledger)).rejects.toThrow('events were skipped while')

  expect(await rebuildFrom(ledger)).toMatchObject({ swapped: true, resumed: false })
  expect((await world.pool.query('SELECT position FROM read.skipped_events')).rows).toEqual([
    { position: String(events[index]?.position) },
  ])
})

test.each([
  ['is followed by others', true],
  ['is the last of its conversation', false],
])(
  'an event that only a rebuild cannot apply, and that %s, can be skipped, and rebuilds leave it out from then on',
  async (_, waiting) => {
    const past = someTalk()
    // Up to a message that nobody has acknowledged: what follows does not depend on it, or nothing follows.
    const last = past.findLastIndex(
      ({ type, stream }) => type === 'MessageSent' && conversationOf(stream) === sick,
    )
    const events = waiting ? past : past.slice(0, last + 1)
    const index = waiting ? messageOf(events, 2) : last
    await world.project(createMemoryLedger(events))
    const ledger = createMemoryLedger(spoil(events, index, 'with data that its schema does not take'))
    await expect(rebuildFrom(ledger)).rejects.toThrow('could not be rebuilt')

    const position = events[index]?.position
    const skipped = await skipParked(world.pool, sick, 'see INC-12')
    expect(skipped).toMatchObject({ kind: 'skipped', build: 'read_next', position, waiting })
    expect(await rebuildFrom(ledger)).toMatchObject({ swapped: true })
    expect(await rebuildFrom(ledger)).toMatchObject({ swapped: true })
    expect(await parkedConversations(world.pool)).toEqual([])
    expect((await world.pool.query('SELECT position, reason FROM read.skipped_events')).rows).toEqual([
      { position: String(position), reason: 'see INC-12' },
    ])
    expect(await skipParked(world.pool, sick, 'again')).toEqual({ kind: 'not-parked' })
  },
)

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Millis } from '../../../domain/ids.ts'
import type { Position, RecordedEvent } from '../../../ledger/ledger.ts'
import { conversationOf } from '../../../ledger/streams.ts'
import { EngineStopped } from '../../../projections/engine/failures.ts'
import { createParkedConversations, MAX_PARKED_CONVERSATIONS } from '../../../projections/engine/parking.ts'
import { createSession, type Session } from '../../../projections/engine/session.ts'
import { type ParkedEvent, parkedConversations, parkedEvents } from '../../../projections/parked/list.ts'
import { NOTE_FREED } from '../../../projections/parked/note-freed.ts'
import { retryParked } from '../../../projections/parked/retry.ts'
import { skipParked } from '../../../projections/parked/skip.ts'
import { freedConversations } from '../../../projections/queries/freed-conversations.ts'
import { undeliveredIn, undeliveredOf, undeliveredPeople } from '../../../projections/queries/undelivered.ts'
import { rebuild } from '../../../projections/rebuild/rebuild.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
import { dump } from '../support/dump.ts'
import { bad, messageOf, receiptOf, sick, someTalk, spoil } from '../support/spoilt.ts'
import { ANN, BOB, someTalk as talk } from '../support/talk.ts'
import { createWorld, projected, quiet, type World } from '../support/world.ts'

let world: World
let session: Session
beforeAll(async () => {
  world = await createWorld('migrated')
  session = createSession(world.url, 'test')
})
afterAll(async () => {
  await session.close()
  await world.end()
})
afterEach(() => world.clear())

async function eventsOf(id: string): Promise<ParkedEvent[]> {
  const events: ParkedEvent[] = []
  for await (const event of parkedEvents(world.pool, id)) events.push(event)
  return events
}

const without = (events: readonly RecordedEvent[], id: string) =>
  events.filter(({ stream }) => conversationOf(stream) !== id)

test.each(Object.keys(bad))(
  'an event %s parks itself and all later events of its conversation, and nothing else',
  async (how) => {
    const events = someTalk()
    const index = messageOf(events, 2)
    for (const batchEvents of [1, 500]) {
      await world.clear()
      await world.project(createMemoryLedger(spoil(events, index, how)), { settings: { batchEvents } })
      const later = events.filter(({ stream }, i) => i >= index && conversationOf(stream) === sick)
      const [parked, ...others] = await parkedConversations(world.pool)
      expect(others).toEqual([])
      expect(parked).toMatchObject({
        conversationId: sick,
        position: events[index]?.position,
        events: later.length,
      })
      expect((await eventsOf(sick)).map(({ position }) => position)).toEqual(
        later.map(({ position }) => position),
      )
      const stands = await dump(world.pool)
      await world.clear()
      await world.project(
        createMemoryLedger([...events.slice(0, index), ...without(events.slice(index), sick)]),
      )
      expect(stands).toEqual(await dump(world.pool))
    }
  },
)

test('the reason says what is wrong, and never what a message says', async () => {
  const events = someTalk()
  const index = messageOf(events, 1)
  const secret = { ...(events[index]?.data as object), deviceId: 'the secret words' }
  const spoilt = [...events]
  spoilt[index] = { ...(events[index] as RecordedEvent), data: secret }
  await world.project(createMemoryLedger(spoilt))
  const [parked] = await parkedConversations(world.pool)
  expect(parked?.reason).toContain('deviceId')
  expect(parked?.reason).not.toContain('secret')
})

test('a parked conversation stays parked over a restart, and its new events join the others', async () => {
  const events = spoil(someTalk(), messageOf(someTalk(), 2), 'of a type that nobody knows')
  const ledger = createMemoryLedger(events.slice(0, 20))
  await world.project(ledger)
  const before = (await eventsOf(sick)).length
  ledger.add(events.slice(20))
  await world.project(ledger)
  expect((await eventsOf(sick)).length).toBeGreaterThan(before)
})

test('nobody counts as waiting in a parked conversation, whose watermarks stand still', async () => {
  const events = someTalk()
  await world.project(createMemoryLedger(spoil(events, receiptOf(events, 2), 'of a type that nobody knows')))
  const now = Number.MAX_SAFE_INTEGER as Millis
  expect(await undeliveredOf(world.pool, BOB)).toEqual([])
  expect(await undeliveredPeople(world.pool, { olderThan: now, limit: 10 })).toEqual([])
  expect(await undeliveredIn(world.pool, [sick], now)).toEqual([])
  // They would: the message is there, and its receipt is what cannot be applied.
  await world.pool.query('DELETE FROM read.parked_conversations')
  expect(await undeliveredOf(world.pool, BOB)).toMatchObject([{ conversationId: sick }])
  expect(await undeliveredPeople(world.pool, { olderThan: now, limit: 10 })).toMatchObject([{ userId: BOB }])
  expect(await undeliveredIn(world.pool, [sick], now)).toMatchObject([{ userId: BOB }])
})

test('a retry applies the parked events in order, and the rows are those of a history without the mishap', async () => {
  // Positions of one, two and three digits: their order is that of numbers.
  const events = someTalk(60)
  const ledger = createMemoryLedger(spoil(events, messageOf(events, 1), 'of a type that nobody knows'))
  await world.project(ledger)
  expect(await retryParked(session, ledger, sick)).toMatchObject({ kind: 'stopped', applied: 0 })

  const understood = createMemoryLedger(events)
  expect(await retryParked(session, understood, sick)).toMatchObject({ kind: 'freed' })
  expect(await retryParked(session, understood, sick)).toEqual({ kind: 'not-parked' })
  const retried = await dump(world.pool)
  await world.clear()
  await world.project(understood)
  expect(retried).toEqual(await dump(world.pool))
})

test('what a retry brings into the read models late is noted from its first event on, of conversations alone', async () => {
  await world.pool.query('DELETE FROM gateway.freed_conversations')
  const events = someTalk(60)
  const [first, second] = [messageOf(events, 2), messageOf(events, 3)]
  const spoilt = spoil(events, first, 'of a type that nobody knows')
  await world.project(createMemoryLedger(spoilt))
  await retryParked(session, createMemoryLedger(spoilt), sick)
  expect(await freedConversations(world.pool)).toEqual([])

  const from = (index: number) => ({ conversationId: sick, from: events[index]?.position, until: null })
  const less = createMemoryLedger(spoil(events, second, 'of a type that nobody knows'))
  expect(await retryParked(session, less, sick)).toMatchObject({ kind: 'stopped' })
  expect(await freedConversations(world.pool)).toEqual([from(first)])
  expect(await retryParked(session, createMemoryLedger(events), sick)).toMatchObject({ kind: 'freed' })
  expect(await freedConversations(world.pool)).toEqual([from(first), from(second)])

  await session.query(NOTE_FREED, ['user-ann', 1n])
  expect(await freedConversations(world.pool)).toHaveLength(2)
})

test('a conversation that is freed while an engine runs goes on as if nothing had been', async () => {
  const events = someTalk(200)
  const spoilt = spoil(events, messageOf(events, 2), 'of a type that nobody knows')
  const live = createMemoryLedger(spoilt.slice(0, 60), 10)
  const engine = world.start(live, { settings: { batchEvents: 3 } })
  await projected(world.pool, await live.head())
  const feeding = (async () => {
    for (let i = 60; i < spoilt.length; i += 4) {
      live.add(spoilt.slice(i, i + 4))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  const outcomes = []
  for (let tries = 0; tries < 6; tries++) {
    outcomes.push((await retryParked(session, createMemoryLedger(events), sick)).kind)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await feeding
  await projected(world.pool, await live.head())
  await engine.stop()
  expect(outcomes.filter((kind) => kind === 'freed')).toHaveLength(1)
  expect(await parkedConversations(world.pool)).toEqual([])
  const live_rows = await dump(world.pool)
  await world.clear()
  await world.project(createMemoryLedger(events))
  expect(live_rows).toEqual(await dump(world.pool))
})

test('a skipped event is left out, with its reason, by rebuilds too; the later ones wait for a retry', async () => {
  const events = someTalk()
  // A message that nobody has acknowledged by name: what follows does not depend on it.
  const ledger = createMemoryLedger(
    spoil(events, messageOf(events, 2), 'with data that its schema does not take'),
  )
  await world.project(ledger)
  expect(await skipParked(world.pool, sick, 'a broken test build')).toMatchObject({
    kind: 'skipped',
    waiting: true,
  })
  expect(await retryParked(session, ledger, sick)).toMatchObject({ kind: 'freed' })
  expect((await world.pool.query('SELECT reason FROM read.skipped_events')).rows).toEqual([
    { reason: 'a broken test build' },
  ])
  const stands = await dump(world.pool)
  const result = await rebuild({
    databaseUrl: world.url,
    ledger,
    log: quiet,
    signal: new AbortController().signal,
    compare: true,
  })
  expect(result).toMatchObject({ swapped: true })
  expect(result.compared?.every(({ equal }) => equal)).toBe(true)
  expect(await dump(world.pool)).toEqual(stands)
})

test('a parked conversation that talks on for thousands of events stops nobody, and a retry applies them all', async () => {
  // Two of each turn are the sick one's: more than a page of `parked show`, and some pages of a retry.
  const events = talk({ conversations: 2, turns: 1_300 })
  const spoilt = createMemoryLedger(spoil(events, messageOf(events, 2), 'of a type that nobody knows'))
  await world.project(spoilt)
  const parked = await eventsOf(sick)
  expect(parked.length).toBeGreaterThan(1_200)
  expect(new Set(parked.map(({ position }) => position)).size).toBe(parked.length)

  const understood = createMemoryLedger(events)
  expect(await retryParked(session, understood, sick)).toEqual({ kind: 'freed', applied: parked.length })
  const retried = await dump(world.pool)
  await world.clear()
  await world.project(understood)
  expect(retried).toEqual(await dump(world.pool))
})

test('beyond the limit of parked conversations the engine stops instead of falling silent bit by bit', async () => {
  const past = createPast()
  for (let n = 0; n <= MAX_PARKED_CONVERSATIONS; n++) {
    past.converse(conversationNumber(n), { type: 'start', kind: 'direct', by: ANN, members: [BOB] })
  }
  const ledger = createMemoryLedger(past.events.map((event) => ({ ...event, type: 'Unknown' })))
  const engine = world.start(ledger)
  await expect(engine.finished).rejects.toThrow(EngineStopped)
  expect(engine.state).toBe('failed')
})

test('conversations that were freed do not count as parked, however silent they have been since', async () => {
  const past = createPast()
  const half = MAX_PARKED_CONVERSATIONS / 2 + 1
  for (let n = 0; n < 2 * half; n++) {
    past.converse(conversationNumber(n), { type: 'start', kind: 'direct', by: ANN, members: [BOB] })
  }
  const understood = createMemoryLedger(past.events)
  const bad = past.events.map((event) => ({ ...event, type: 'Unknown' }))
  const ledger = createMemoryLedger(bad.slice(0, half))
  const engine = world.start(ledger)
  await projected(world.pool, await ledger.head())
  for (let n = 0; n < half; n++) {
    expect(await retryParked(session, understood, conversationNumber(n))).toMatchObject({ kind: 'freed' })
  }
  ledger.add(bad.slice(half))
  await projected(world.pool, await ledger.head())
  expect(engine.state).toBe('running')
  expect(await parkedConversations(world.pool)).toHaveLength(half)
  await engine.stop()
})

test('one that is parked again while those freed are looked for stays parked', async () => {
  const ids = Array.from({ length: MAX_PARKED_CONVERSATIONS + 1 }, (_, n) => conversationNumber(n))
  const parked = createParkedConversations(ids)
  await parked.refuseBeyondLimit(0, async () => {
    parked.free([sick])
    parked.add({ begun: [{ conversationId: sick, position: 1n as Position, reason: 'again' }], events: [] })
    return new Set()
  })
  expect(ids.filter(parked.has)).toEqual([sick])
})

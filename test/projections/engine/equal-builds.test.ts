import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceId, MessageId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position, RecordedEvent } from '../../../ledger/ledger.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { happenings, pastOf } from '../../support/random-past.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
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

test('a receipt that comes after the leaving it raced with keeps nobody from being added again, wherever a batch ends', async () => {
  const past = createPast()
  const id = conversationNumber(1)
  const [ann, bob] = ['ann', 'bob'] as unknown as [UserId, UserId]
  const phone = 'phone' as DeviceId
  past.converse(id, { type: 'start', kind: 'group', by: ann, members: [bob] })
  past.say(id, ann, phone)
  past.deliver(id, { type: 'acknowledge', userId: bob, deviceId: phone, kind: 'delivered', upTo: 1 as Seq })
  past.converse(id, { type: 'remove-member', by: ann, userId: bob })
  past.converse(id, { type: 'add-members', by: ann, userIds: [bob] })
  const [start, said, receipt, leaving, joining] = past.events as [RecordedEvent, ...RecordedEvent[]]
  const raced = [start, said, leaving, receipt, joining].map(
    (event, i) => ({ ...event, position: BigInt(i + 1) }) as RecordedEvent,
  )
  const dumps: unknown[] = []
  for (const batchEvents of [1, 2, 3, 4, 5]) {
    await world.clear()
    await world.project(createMemoryLedger(raced), { settings: { lanes: 1, batchEvents } })
    dumps.push(await dumpWithParked())
  }
  expect(dumps[0]).toMatchObject({ parked: [] })
  for (const each of dumps) expect(each).toEqual(dumps[0])
})

test('a message that an older version let be deleted twice keeps its first deletion, wherever a batch ends', async () => {
  const past = createPast()
  const id = conversationNumber(1)
  const [ann, bob] = ['ann', 'bob'] as unknown as [UserId, UserId]
  past.converse(id, { type: 'start', kind: 'direct', by: ann, members: [bob] })
  past.say(id, ann, 'phone' as DeviceId)
  const { messageId } = past.messages(id)[0] as { messageId: MessageId }
  const [deletion] = past.converse(id, { type: 'delete', by: ann, messageId }) as [RecordedEvent]
  const again = { ...deletion, revision: deletion.revision + 1, position: deletion.position + 1n }
  const events = [...past.events, again as RecordedEvent]
  for (const batchEvents of [1, 2, 3, 4]) {
    await world.clear()
    await world.project(createMemoryLedger(events), { settings: { lanes: 1, batchEvents } })
    const { rows } = await world.pool.query('SELECT body, deleted_position FROM read.messages')
    expect(rows).toEqual([{ body: null, deleted_position: String(deletion.position) }])
    expect(await dumpWithParked()).toMatchObject({ parked: [] })
  }
})

/** What a broken writer might leave behind: an event is missing, or is there twice, or says something else. */
type Mishap = {
  readonly at: number
  readonly what: 'missing' | 'twice' | 'other seq' | 'other person' | 'other type'
}

const mishap: fc.Arbitrary<Mishap> = fc.record({
  at: fc.nat(10_000),
  what: fc.constantFrom('missing', 'twice', 'other seq', 'other person', 'other type'),
})

/** Positions and revisions stay dense, as no ledger would have it otherwise. */
function spoil(events: readonly RecordedEvent[], mishaps: readonly Mishap[]): RecordedEvent[] {
  let spoilt = [...events]
  for (const { at, what } of mishaps) {
    if (spoilt.length === 0) break
    const index = at % spoilt.length
    const event = spoilt[index] as RecordedEvent
    const data = event.data as Record<string, unknown>
    const changed = (more: object): RecordedEvent => ({ ...event, data: { ...data, ...more } })
    const instead: Record<Mishap['what'], () => RecordedEvent[]> = {
      missing: () => [],
      twice: () => [event, event],
      'other seq': () => [changed({ seq: 1, fromSeq: 1, toSeq: 1, afterSeq: 1 })],
      'other person': () => [changed({ userId: 'nobody', senderId: 'nobody' })],
      'other type': () => [
        { ...event, type: 'MemberRemoved', data: { ...data, afterSeq: 0, userId: 'ann', by: 'ann' } },
      ],
    }
    spoilt = [...spoilt.slice(0, index), ...instead[what](), ...spoilt.slice(index + 1)]
  }
  return spoilt.map((event, i) => ({ ...event, position: BigInt(i + 1) as Position }))
}

async function dumpWithParked(): Promise<unknown> {
  const parked = await world.pool.query(
    'SELECT conversation_id, position FROM read.parked_conversations ORDER BY 1',
  )
  const events = await world.pool.query(
    'SELECT conversation_id, position FROM read.parked_events ORDER BY 1, 2',
  )
  return { ...(await dump(world.pool)), parked: parked.rows, events: events.rows }
}

test('a history with mishaps parks the same events and gives the same rows, whatever the lanes and the batches', async () => {
  let parkings = 0
  await fc.assert(
    fc.asyncProperty(
      happenings({ max: 120 }),
      fc.array(mishap, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 60 }),
      async (happened, mishaps, lanes, batchEvents) => {
        const ledger = createMemoryLedger(spoil(pastOf(happened).events, mishaps))
        await world.clear()
        await world.project(ledger, { settings: { lanes: 1, batchEvents: 1 } })
        const oneByOne = await dumpWithParked()
        await world.clear()
        await world.project(ledger, { settings: { lanes, batchEvents } })
        expect(await dumpWithParked()).toEqual(oneByOne)
        parkings += (oneByOne as { parked: unknown[] }).parked.length
      },
    ),
    { numRuns: 20 },
  )
  expect(parkings).toBeGreaterThan(0)
})

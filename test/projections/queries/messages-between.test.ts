/** How much of a stretch is read at once. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { DeviceId, MessageId, Seq, UserId } from '../../../domain/ids.ts'
import { messagesBetween } from '../../../projections/queries/messages-between.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())
afterEach(() => world.clear())

const [ann, bob] = ['ann', 'bob'] as unknown as [UserId, UserId]
const group = conversationNumber(1)

test('a page ends with the message that fills it, and what follows begins after that', async () => {
  const past = createPast()
  past.converse(group, { type: 'start', kind: 'group', by: ann, members: [bob], title: 'us' })
  const said = (text: string) => past.say(group, ann, 'phone' as DeviceId, text)
  for (let n = 0; n < 3; n++) said('x'.repeat(8_000))
  for (let n = 0; n < 50; n++) said('x')
  const deleted = past.messages(group)[1]?.messageId as MessageId
  past.converse(group, { type: 'delete', by: ann, messageId: deleted })
  await world.project(createMemoryLedger(past.events))
  const read = async (from: number, to: number, bytes: number) => {
    const stretch = { from: from as Seq, to: to as Seq, bytes }
    return (await messagesBetween(world.pool, group, stretch)).map(({ seq }) => seq)
  }
  const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

  expect(await read(1, 53, 100_000)).toEqual(upTo(53))
  // However little there is room for, one comes.
  expect(await read(1, 53, 1)).toEqual([1])
  // What is gone takes no room.
  expect(await read(1, 53, 8_500)).toEqual(upTo(3))
  expect(await read(2, 53, 1)).toEqual([2, 3])
  expect((await read(4, 53, 300)).length).toBeLessThan(20)
  expect(await read(54, 60, 1)).toEqual([])
})

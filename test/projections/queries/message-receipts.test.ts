import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import { messageReceipts } from '../../../projections/queries/message-receipts.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.end())

const [ann, bob] = ['ann', 'bob'] as [UserId, UserId]
const group = conversationNumber(1)

test('of somebody with very many devices those that acknowledged last are named, so that an answer has an end', async () => {
  const past = createPast()
  past.converse(group, { type: 'start', kind: 'group', by: ann, members: [bob], title: 'us' })
  past.say(group, ann, 'phone' as DeviceId)
  await world.project(createMemoryLedger(past.events))
  await world.pool.query(
    `INSERT INTO read.device_watermarks (conversation_id, user_id, device_id, delivered_seq, delivered_at, delivered_position)
     SELECT $1, $2, 'd' || n, 1, n, n FROM generate_series(1, 1050) n`,
    [group, bob],
  )
  await world.pool.query(
    `INSERT INTO read.receipts (conversation_id, user_id, device_id, kind, from_seq, to_seq, at, position)
     SELECT $1, $2, 'd' || n, 'delivered', 1, 1, n, n FROM generate_series(1, 1050) n`,
    [group, bob],
  )
  const [receipt] = await messageReceipts(world.pool, group, 1 as Seq, ann)
  expect(receipt?.devices).toHaveLength(1000)
  expect(receipt?.devices[0]).toEqual({ deviceId: 'd51', deliveredAt: 51 })
  expect(receipt?.deliveredAt).toBe(51)
})

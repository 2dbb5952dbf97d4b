import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import { messageReceipts } from '../../../projections/queries/message-receipts.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => world.clear())
afterAll(() => world.end())

const [ann, bob, cy] = ['ann', 'bob', 'cy'] as [UserId, UserId, UserId]
const group = conversationNumber(1)
const LATER = 1_800_000_000_000

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
     SELECT $1, $2, 'd' || n, 'delivered', 1, 1, $3::bigint + n, n FROM generate_series(1, 1050) n`,
    [group, bob, LATER],
  )
  const [receipt] = await messageReceipts(world.pool, group, 1 as Seq, ann)
  expect(receipt?.devices).toHaveLength(1000)
  expect(receipt?.devices[0]).toEqual({ deviceId: 'd51', deliveredAt: LATER + 51 })
  expect(receipt?.deliveredAt).toBe(LATER + 51)
})

test('nothing was delivered or read before it was sent, whatever the clocks of those who recorded it', async () => {
  const past = createPast()
  past.converse(group, { type: 'start', kind: 'group', by: ann, members: [bob, cy], title: 'us' })
  past.say(group, ann, 'phone' as DeviceId)
  past.deliver(group, {
    type: 'acknowledge',
    userId: bob,
    deviceId: 'phone' as DeviceId,
    kind: 'read',
    upTo: 1 as Seq,
  })
  await world.project(createMemoryLedger(past.events))
  const {
    rows: [sent],
  } = await world.pool.query('UPDATE read.messages SET at = at + 87 RETURNING at')
  const at = Number(sent.at)
  expect(await messageReceipts(world.pool, group, 1 as Seq, ann)).toMatchObject([
    { userId: bob, deliveredAt: at, devices: [{ deviceId: 'phone', deliveredAt: at }], readAt: at },
    { userId: cy, deliveredAt: null, devices: [], readAt: null },
  ])
})

test('of somebody who was removed and added again it says what reached them while they were there, and takes nothing else for received', async () => {
  const past = createPast()
  const phone = 'phone' as DeviceId
  past.converse(group, { type: 'start', kind: 'group', by: ann, members: [bob], title: 'us' })
  const say = () => past.say(group, ann, phone)
  const acknowledge = (kind: 'delivered' | 'read', upTo: number) =>
    past.deliver(group, { type: 'acknowledge', kind, userId: bob, deviceId: phone, upTo: upTo as Seq })
  for (let n = 0; n < 4; n++) say()
  acknowledge('read', 1)
  acknowledge('delivered', 2)
  past.converse(group, { type: 'remove-member', by: ann, userId: bob })
  say()
  past.converse(group, { type: 'add-members', by: ann, userIds: [bob] })
  say()
  acknowledge('read', 6)
  await world.clear()
  await world.project(createMemoryLedger(past.events))
  const had = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (seq) => {
      const [receipt] = await messageReceipts(world.pool, group, seq as Seq, ann)
      return receipt && [receipt.deliveredAt !== null, receipt.readAt !== null]
    }),
  )
  expect(had).toEqual([[true, true], [true, false], [false, false], [false, false], undefined, [true, true]])
})

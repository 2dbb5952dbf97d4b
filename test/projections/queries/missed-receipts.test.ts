import { expect, test } from 'vitest'
import { createPast } from '../../support/recorded-events.ts'
import {
  acknowledge,
  ann,
  bob,
  cy,
  dan,
  givenReadModels,
  group,
  laptop,
  now,
  phone,
  short,
  startGroup,
} from './missed-kit.ts'

const { pool, project, receiptsOf } = givenReadModels()

test('a sender gets the watermarks of others as they stand now, once each, with the time they got there', async () => {
  const past = createPast()
  startGroup(past)
  past.say(group, ann, phone)
  acknowledge(past, bob, 'delivered', 1)
  const since = now(past)
  past.say(group, ann, phone)
  past.say(group, ann, phone)
  acknowledge(past, bob, 'delivered', 2)
  acknowledge(past, bob, 'delivered', 3)
  const [read] = acknowledge(past, cy, 'read', 2).slice(-1)
  await project(past)
  const missed = await receiptsOf(ann, phone, since)
  expect(short(missed)).toEqual(['bob delivered 3', 'cy delivered 2', 'cy read 2'])
  expect(missed.at(-1)).toMatchObject({
    conversationId: group,
    at: Number(read?.metadata.recordedAt),
    position: read?.position,
  })
  expect(await receiptsOf(ann, phone, now(past))).toEqual([])
})

test('no receipt is told to have been before the last message that it covers, whatever the clocks', async () => {
  const past = createPast()
  startGroup(past)
  const since = now(past)
  past.say(group, ann, phone)
  past.say(group, ann, phone)
  acknowledge(past, bob, 'delivered', 1)
  acknowledge(past, cy, 'read', 2)
  await project(past)
  const before = await receiptsOf(ann, phone, since)
  const {
    rows: [sent],
  } = await pool().query('UPDATE read.messages SET at = at + 3600000 WHERE seq = 2 RETURNING at')
  const after = await receiptsOf(ann, phone, since)
  expect(after.map(({ at }) => at)).toEqual(before.map(({ upTo, at }) => (upTo === 2 ? Number(sent.at) : at)))
})

test("receipts that cover none of a person's messages do not concern them", async () => {
  const past = createPast()
  startGroup(past)
  const since = now(past)
  past.say(group, ann, phone)
  past.say(group, bob, phone)
  acknowledge(past, cy, 'delivered', 1)
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  past.say(group, cy, phone)
  acknowledge(past, dan, 'read', 3)
  await project(past)
  expect(short(await receiptsOf(ann, phone, since))).toEqual(['cy delivered 1'])
  // Nothing of bob's is at or below seq 1, and dan came after him.
  expect(short(await receiptsOf(bob, phone, since))).toEqual([])
  expect(short(await receiptsOf(cy, laptop, since))).toEqual([
    'cy delivered 1',
    'dan delivered 3',
    'dan read 3',
  ])
})

test('what another device of the same person acknowledged is news to this one, and its own is not', async () => {
  const past = createPast()
  startGroup(past)
  past.say(group, ann, phone)
  const since = now(past)
  acknowledge(past, bob, 'read', 1, laptop)
  await project(past)
  expect(short(await receiptsOf(bob, phone, since))).toEqual(['bob delivered 1', 'bob read 1'])
  expect(short(await receiptsOf(bob, laptop, since))).toEqual([])
})

test('what somebody acknowledged before they left is news, and nothing is from before that', async () => {
  const past = createPast()
  startGroup(past)
  past.say(group, ann, phone)
  const since = now(past)
  acknowledge(past, cy, 'read', 1)
  const then = now(past)
  past.converse(group, { type: 'remove-member', by: ann, userId: cy })
  await project(past)
  expect(short(await receiptsOf(ann, phone, since))).toEqual(['cy delivered 1', 'cy read 1'])
  expect(await receiptsOf(ann, phone, then)).toEqual([])
})

test('what somebody acknowledged who left before this person came again is no news', async () => {
  const past = createPast()
  startGroup(past)
  past.say(group, bob, phone)
  const since = now(past)
  past.converse(group, { type: 'remove-member', by: ann, userId: bob })
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  past.say(group, ann, phone)
  acknowledge(past, dan, 'read', 2)
  past.converse(group, { type: 'remove-member', by: ann, userId: dan })
  past.converse(group, { type: 'add-members', by: ann, userIds: [bob] })
  past.say(group, bob, phone)
  await project(past)
  expect(short(await receiptsOf(bob, phone, since))).toEqual([])
  expect(short(await receiptsOf(ann, phone, since))).toEqual(['dan delivered 2', 'dan read 2'])
})

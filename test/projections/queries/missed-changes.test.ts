import { expect, test } from 'vitest'
import type { UserId } from '../../../domain/ids.ts'
import { createPast } from '../../support/recorded-events.ts'
import { ann, bob, cy, dan, givenReadModels, group, laptop, now, phone, startGroup } from './missed-kit.ts'

const { changesOf, clear, project } = givenReadModels()

test('a conversation that began or was joined comes with everybody in it, and they are not told of one by one', async () => {
  const past = createPast()
  const since = now(past)
  startGroup(past, [bob])
  past.say(group, ann, phone)
  const [added] = past.converse(group, { type: 'add-members', by: ann, userIds: [cy] })
  await project(past)
  for (const userId of [bob, cy]) {
    const { joined, members } = await changesOf(userId, since)
    expect(members).toEqual([])
    expect(joined).toMatchObject([
      {
        conversationId: group,
        kind: 'group',
        title: 'us',
        lastSeq: 1,
        members: [
          { userId: 'ann', role: 'admin' },
          { userId: 'bob', role: 'member' },
          { userId: 'cy', role: 'member' },
        ],
      },
    ])
  }
  const { joined } = await changesOf(cy, since)
  expect(joined[0]).toMatchObject({
    at: Number(added?.metadata.recordedAt),
    addedBy: 'ann',
    position: added?.position,
  })
})

test('the people of a large group are counted, and not read', async () => {
  const past = createPast()
  const since = now(past)
  startGroup(past, [bob, cy, dan])
  past.converse(group, { type: 'remove-member', by: ann, userId: cy })
  await project(past)
  const [named] = (await changesOf(bob, since, 3)).joined
  expect(named?.members?.map(({ userId }) => userId)).toEqual(['ann', 'bob', 'dan'])
  const [counted] = (await changesOf(bob, since, 2)).joined
  expect(counted).toEqual({ ...named, members: null, memberCount: 3 })
})

test('people who came and went are told of, once, as they are now, to those who were there before', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  const since = now(past)
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  past.converse(group, { type: 'remove-member', by: ann, userId: cy })
  past.converse(group, { type: 'remove-member', by: ann, userId: dan })
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  await project(past)
  const { members } = await changesOf(bob, since)
  expect(members.map(({ userId, change, by }) => `${userId} ${change} by ${by}`)).toEqual([
    'cy removed by ann',
    'dan added by ann',
  ])
  expect(await changesOf(bob, now(past))).toEqual({
    joined: [],
    members: [],
    left: [],
    renamed: [],
    retained: [],
    deleted: [],
    expired: [],
  })
})

test('a new role and a new title are told of, once, as they are now', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  const since = now(past)
  const role = (userId: UserId, to: 'admin' | 'member') =>
    past.converse(group, { type: 'change-role', by: ann, userId, role: to })
  role(bob, 'admin')
  role(bob, 'member')
  past.converse(group, { type: 'rename', by: ann, title: 'first' })
  const [renamed] = past.converse(group, { type: 'rename', by: ann, title: 'second' })
  role(cy, 'admin')
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  role(dan, 'admin')
  await project(past)
  const missed = await changesOf(bob, since)
  expect(missed.members.map(({ userId, change, role }) => `${userId} ${change} ${role}`)).toEqual([
    'bob role member',
    'cy role admin',
    'dan added null',
    'dan role admin',
  ])
  expect(missed.renamed).toEqual([
    {
      conversationId: group,
      kind: 'group',
      title: 'second',
      retention: null,
      memberCount: 4,
      lastSeq: 0,
      by: 'ann',
      at: Number(renamed?.metadata.recordedAt),
      position: renamed?.position,
    },
  ])
  // Who joined since has it all in the conversation itself.
  const dans = await changesOf(dan, since)
  expect(dans).toMatchObject({ members: [], renamed: [], joined: [{ title: 'second' }] })
})

test('a title and a role from after somebody left are no news to them', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  const since = now(past)
  past.converse(group, { type: 'rename', by: ann, title: 'while bob was there' })
  past.converse(group, { type: 'remove-member', by: ann, userId: bob })
  past.converse(group, { type: 'rename', by: ann, title: 'behind his back' })
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan, 'eve' as UserId] })
  past.converse(group, { type: 'change-role', by: ann, userId: cy, role: 'admin' })
  await project(past)
  const { members, left, renamed } = await changesOf(bob, since)
  expect(members).toEqual([])
  expect(left.map(({ userId, change }) => `${userId} ${change}`)).toEqual(['bob removed'])
  // Three as he left: how many there are now is not his to know.
  expect(renamed).toMatchObject([{ title: 'while bob was there', memberCount: 3 }])
})

test('somebody who was removed is told of that, and of nothing after it', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  past.say(group, ann, phone)
  const message = past.messages(group)[0]
  const since = now(past)
  past.converse(group, { type: 'remove-member', by: ann, userId: bob })
  past.converse(group, { type: 'remove-member', by: ann, userId: cy })
  past.converse(group, { type: 'delete', by: ann, messageId: message?.messageId as never })
  await project(past)
  const { members, left, deleted } = await changesOf(bob, since)
  expect(members).toEqual([])
  expect(left).toMatchObject([{ conversationId: group, userId: 'bob', change: 'removed', by: 'ann' }])
  expect(deleted).toEqual([])
})

test('somebody who came and went while they were away is told that they are not in it', async () => {
  const past = createPast()
  startGroup(past, [bob])
  const since = now(past)
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  past.converse(group, { type: 'remove-member', by: ann, userId: dan })
  await project(past)
  expect(await changesOf(dan, since)).toMatchObject({
    joined: [],
    members: [],
    left: [{ userId: 'dan', change: 'removed', by: 'ann' }],
  })
  past.converse(group, { type: 'add-members', by: ann, userIds: [dan] })
  await clear()
  await project(past)
  expect(await changesOf(dan, since)).toMatchObject({
    joined: [{}],
    members: [],
    left: [],
  })
})

test('deleted messages are told of to those who could read them', async () => {
  const past = createPast()
  startGroup(past, [bob])
  past.say(group, ann, phone)
  past.converse(group, { type: 'add-members', by: ann, userIds: [cy] })
  const since = now(past)
  const message = past.messages(group)[0]
  const [deletion] = past.converse(group, { type: 'delete', by: ann, messageId: message?.messageId as never })
  await project(past)
  expect((await changesOf(bob, since)).deleted).toEqual([
    {
      conversationId: group,
      seq: 1,
      messageId: message?.messageId,
      at: Number(deletion?.metadata.recordedAt),
      position: deletion?.position,
    },
  ])
  expect((await changesOf(cy, since)).deleted).toEqual([])
})

test('of what it sent itself a device is told that it has expired, whatever it has acknowledged', async () => {
  const past = createPast()
  startGroup(past)
  past.converse(group, { type: 'change-retention', by: ann, retention: { mode: 'ttl', seconds: 60 } })
  const since = now(past)
  past.say(group, ann, phone)
  past.say(group, ann, laptop)
  for (const { seq, messageId } of past.messages(group)) {
    past.converse(group, { type: 'expire', messages: [{ seq, messageId, reason: 'ttl' }] })
  }
  await project(past)
  // What her laptop said comes to her phone without its words.
  expect((await changesOf(ann, since)).expired).toMatchObject([{ seq: 1 }])
  expect((await changesOf(bob, since)).expired).toEqual([])
})

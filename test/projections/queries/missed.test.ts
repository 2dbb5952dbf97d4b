import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { missedPage } from '../../../api/gateway/missed-page.ts'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import type { ContentKeys } from '../../../ledger/sealing/content-keys.ts'
import { conversationsToCatchUp } from '../../../projections/queries/conversations-to-catch-up.ts'
import { missedAcrossConversations } from '../../../projections/queries/missed-across-conversations.ts'
import { missedChanges } from '../../../projections/queries/missed-changes.ts'
import { missedReceipts } from '../../../projections/queries/missed-receipts.ts'
import { LIMITS } from '../../../protocol/limits.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, createPast, type Past } from '../../support/recorded-events.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
})
afterAll(() => world.end())
afterEach(() => world.clear())

const [ann, bob, cy, dan] = ['ann', 'bob', 'cy', 'dan'] as unknown as [UserId, UserId, UserId, UserId]
const [phone, laptop] = ['phone', 'laptop'] as unknown as [DeviceId, DeviceId]
const group = conversationNumber(1)

const startGroup = (past: Past, members: readonly UserId[] = [bob, cy]) =>
  past.converse(group, { type: 'start', kind: 'group', by: ann, members, title: 'us' })

const acknowledge = (
  past: Past,
  userId: UserId,
  kind: 'delivered' | 'read',
  upTo: number,
  deviceId = phone,
) => past.deliver(group, { type: 'acknowledge', userId, deviceId, kind, upTo: upTo as Seq })

const now = (past: Past): Position => past.events.at(-1)?.position ?? (0n as Position)
const project = (past: Past) => world.project(createMemoryLedger(past.events))

const changesOf = (userId: UserId, since: Position, mostNamed = 100, limit = 1000) =>
  missedChanges(world.pool, userId, phone, since, { mostNamed, limit, upTo: (2n ** 62n) as Position })
const receiptsOf = (userId: UserId, deviceId: DeviceId, since: Position, limit = 1000) =>
  missedReceipts(world.pool, userId, deviceId, since, limit)

/** Without times and places. */
const short = (receipts: Awaited<ReturnType<typeof missedReceipts>>) =>
  receipts.map(({ userId, kind, upTo }) => `${userId} ${kind} ${upTo}`)

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
  } = await world.pool.query('UPDATE read.messages SET at = at + 3600000 WHERE seq = 2 RETURNING at')
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
  await world.clear()
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

test('of each kind only the earliest are read, with all that happened at one place', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  const since = now(past)
  past.say(group, bob, phone)
  past.converse(group, { type: 'add-members', by: ann, userIds: ['p1', 'p2', 'p3'] as unknown as UserId[] })
  acknowledge(past, cy, 'delivered', 1)
  acknowledge(past, ann, 'read', 1)
  await project(past)
  const added = async (limit: number) =>
    (await changesOf(bob, since, 100, limit)).members.map(({ userId }) => userId)
  expect(await added(2)).toEqual(['p1', 'p2'])
  expect(await added(3)).toEqual(['p1', 'p2', 'p3'])
  expect(short(await receiptsOf(bob, phone, since, 1))).toEqual(['cy delivered 1'])
})

test('pages tell everything once and in order, however much of one kind there is', async () => {
  const past = createPast()
  startGroup(past, [bob, cy])
  const since = now(past)
  const people = Array.from({ length: 700 }, (_, number) => `p${number}` as UserId)
  past.say(group, ann, phone)
  past.converse(group, { type: 'add-members', by: ann, userIds: people.slice(0, 500) })
  past.converse(group, { type: 'rename', by: ann, title: 'more' })
  past.say(group, ann, phone)
  past.converse(group, { type: 'add-members', by: ann, userIds: people.slice(500) })
  for (const userId of people.slice(0, 300)) {
    past.converse(group, { type: 'remove-member', by: ann, userId })
  }
  await project(past)
  // Nobody has a key: the bodies do not matter here.
  const contentKeys = { find: async () => ({ of: () => undefined }) } as unknown as ContentKeys
  const deps = { pool: world.pool, contentKeys, ledger: { head: async () => now(past) } }
  const told: string[] = []
  let kept = since
  for (let more = true; more; ) {
    const start = { kept, knownFrom: since }
    const page = await missedPage(deps, { userId: bob, deviceId: laptop }, start, now(past))
    expect(page.frames.length).toBeLessThanOrEqual(LIMITS.syncFrames)
    expect(page.position).toBeGreaterThan(kept)
    told.push(...page.frames)
    kept = page.position
    more = page.more
  }
  const frames = told.map((json) => JSON.parse(json))
  const names = frames.map(({ t, seq, userId, change }) => [t, seq ?? userId, change].join(' ').trim())
  expect(names).toEqual([
    'message 1',
    ...people.slice(300, 500).map((userId) => `member ${userId} added`),
    'conversation  renamed',
    'message 2',
    ...people.slice(500).map((userId) => `member ${userId} added`),
    ...people.slice(0, 300).map((userId) => `member ${userId} removed`),
  ])
})

test('pages tell once and in order of whatever is gone, in several conversations, between much that is not theirs to tell', async () => {
  const past = createPast()
  const other = conversationNumber(2)
  for (const id of [group, other]) {
    past.converse(id, { type: 'start', kind: 'group', by: ann, members: [cy], title: 'us' })
    past.converse(id, { type: 'change-retention', by: ann, retention: { mode: 'ttl', seconds: 60 } })
    for (let n = 0; n < 450; n++) past.say(id, ann, phone)
    past.converse(id, { type: 'add-members', by: ann, userIds: [bob] })
    for (let n = 0; n < 450; n++) past.say(id, ann, phone)
  }
  const since = now(past)
  for (let n = 0; n < 250; n++) past.say(group, ann, phone)
  // By turns one from before his time, and in either conversation one that he had.
  const expected: string[] = []
  const [theirs, others] = [past.messages(group), past.messages(other)]
  type Known = (typeof theirs)[number]
  const expire = (id: typeof group, { seq, messageId }: Known) =>
    past.converse(id, { type: 'expire', messages: [{ seq, messageId, reason: 'ttl' }] })
  for (let n = 0; n < 450; n++) {
    const [before, his, too] = [theirs[n], theirs[450 + n], others[450 + n]] as [Known, Known, Known]
    if (n % 2 === 0) expire(group, before)
    else past.converse(group, { type: 'delete', by: ann, messageId: before.messageId })
    if (n % 3 === 0) past.converse(group, { type: 'delete', by: ann, messageId: his.messageId })
    else expire(group, his)
    expire(other, too)
    expected.push(`deleted ${group} ${his.seq}`, `deleted ${other} ${too.seq}`)
  }
  await project(past)
  const contentKeys = { find: async () => ({ of: () => undefined }) } as unknown as ContentKeys
  const told: string[] = []
  const seqs: Seq[] = []
  let kept = since
  for (let more = true; more; ) {
    const deps = { pool: world.pool, contentKeys, ledger: { head: async () => now(past) } }
    const page = await missedPage(
      deps,
      { userId: bob, deviceId: laptop },
      { kept, knownFrom: since },
      now(past),
    )
    expect(page.position).toBeGreaterThan(kept)
    for (const json of page.frames) {
      const frame = JSON.parse(json)
      if (frame.t === 'message') seqs.push(frame.seq)
      else told.push(`${frame.t} ${frame.conversationId} ${frame.seq}`)
    }
    ;({ position: kept, more } = page)
  }
  expect(seqs).toEqual(Array.from({ length: 250 }, (_, n) => 901 + n))
  expect(told).toEqual(expected)
})

test('what another device acknowledges between two pages is not left out of the next', async () => {
  const past = createPast()
  startGroup(past)
  for (let said = 0; said < 3; said++) past.say(group, ann, phone)
  acknowledge(past, bob, 'delivered', 1)
  acknowledge(past, bob, 'delivered', 3)
  for (let said = 0; said < 3; said++) past.say(group, ann, phone)
  const knownFrom = now(past)
  const missedBy = async () => {
    await project(past)
    const of = { userId: bob, deviceId: laptop, kept: 0n as Position, knownFrom, limit: 100 }
    const messages = await missedAcrossConversations(world.pool, of)
    const [conversation] = await conversationsToCatchUp(world.pool, bob, laptop, of)
    expect(conversation?.missed).toEqual([{ from: messages[0]?.seq, to: messages.at(-1)?.seq }])
    return messages.map(({ seq }) => seq)
  }
  expect(await missedBy()).toEqual([4, 5, 6])
  // His phone, and one that he had not heard of either, get further meanwhile.
  acknowledge(past, bob, 'delivered', 5)
  acknowledge(past, bob, 'delivered', 6)
  acknowledge(past, bob, 'delivered', 4, 'watch' as DeviceId)
  past.say(group, ann, phone)
  expect(await missedBy()).toEqual([4, 5, 6, 7])
})

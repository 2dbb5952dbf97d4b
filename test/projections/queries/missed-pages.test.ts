import { expect, test } from 'vitest'
import { missedPage } from '../../../api/gateway/missed-page.ts'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import type { ContentKeys } from '../../../ledger/sealing/content-keys.ts'
import { conversationsToCatchUp } from '../../../projections/queries/conversations-to-catch-up.ts'
import { missedAcrossConversations } from '../../../projections/queries/missed-across-conversations.ts'
import { LIMITS } from '../../../protocol/limits.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'
import {
  acknowledge,
  ann,
  bob,
  cy,
  givenReadModels,
  group,
  laptop,
  now,
  phone,
  short,
  startGroup,
} from './missed-kit.ts'

const { changesOf, pool, project, receiptsOf } = givenReadModels()

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
  const deps = { pool: pool(), contentKeys, ledger: { head: async () => now(past) } }
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
    const deps = { pool: pool(), contentKeys, ledger: { head: async () => now(past) } }
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
    const messages = await missedAcrossConversations(pool(), of)
    const [conversation] = await conversationsToCatchUp(pool(), bob, laptop, of)
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

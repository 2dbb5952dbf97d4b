import { expect, test } from 'vitest'
import { announce } from '../../../api/gateway/announce.ts'
import { deletedFrame, expiredFrame } from '../../../api/gateway/frames.ts'
import { deletedFrames, receiptFrames } from '../../../api/gateway/missed-frames.ts'
import { draftConversation } from '../../../domain/conversation/state.ts'
import type { UnsealedEvent } from '../../../domain/events.ts'
import type { MessageId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position, Revision } from '../../../ledger/ledger.ts'
import type { MissedChanges } from '../../../projections/queries/missed-changes.ts'
import type { MissedReceipt } from '../../../projections/queries/missed-receipts.ts'
import {
  ALICE,
  acknowledge,
  apply,
  at,
  BOB,
  CARL,
  CONVERSATION,
  given,
  LAPTOP,
  send,
  startGroup,
  type World,
  when,
} from '../../domain/kit.ts'

/** Carries commands out as one batch. */
function announced(world: World, ...commands: Parameters<typeof when>[1][]) {
  const before = draftConversation(world.conversation)
  const deliveredBefore = { ...world.delivery, people: new Map(world.delivery.people) }
  const events = commands.flatMap((command): readonly UnsealedEvent[] => {
    const decision = when(world, command)
    if (decision.kind !== 'accepted') throw new Error(decision.kind)
    for (const event of decision.events) apply(world, event as never)
    return decision.events as readonly UnsealedEvent[]
  })
  const receipts = events.some(({ type }) => type === 'MessageDelivered' || type === 'MessageRead')
  return announce({
    conversationId: CONVERSATION,
    events,
    revision: 20 as Revision,
    position: 9n as Position,
    previousPosition: 8n as Position,
    before,
    after: world.conversation,
    ...(receipts ? { deliveredBefore } : {}),
  })
}

/** The same, and answers who is told what. */
const told = (...carriedOut: Parameters<typeof announced>): string[] =>
  announced(...carriedOut).flatMap(({ recipients, delivery }) => {
    const { t, kind, change, role, title, seq, upTo } = JSON.parse(delivery.json)
    const what = [t, change ?? kind, role ?? title, seq ?? upTo]
      .filter((part) => part !== undefined)
      .join(' ')
    return recipients.map(
      (to) => `${to}: ${what}${delivery.exceptDevice ? ` but ${delivery.exceptDevice}` : ''}`,
    )
  })

const add = (userId: UserId) => ({ type: 'add-members', at: at(2), by: ALICE, userIds: [userId] }) as const
const remove = (userId: UserId) => ({ type: 'remove-member', at: at(2), by: ALICE, userId }) as const

test('a message goes to every other member, and to the other devices of its sender', () => {
  expect(told(given(startGroup(ALICE, BOB, CARL)), send(ALICE, 'a'))).toEqual([
    'bob: message 1',
    'carl: message 1',
    'alice: message 1 but phone',
  ])
})

test('whatever is no message is told with its place in the ledger, by which a session knows what it was told', () => {
  const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'))
  const rename = { type: 'rename', at: at(2), by: ALICE, title: 'Tea' } as const
  const all = announced(world, send(ALICE, 'b'), add(CARL), rename, remove(BOB))
  const places = all.map(({ delivery }) => [
    JSON.parse(delivery.json).t,
    delivery.place?.position,
    delivery.place?.seq,
  ])
  expect(places).toEqual([
    ['message', undefined, 2],
    ['message', undefined, 2],
    ['conversation', 9n, undefined],
    ['member', 9n, undefined],
    ['conversation', 9n, undefined],
    ['member', 9n, undefined],
  ])
})

test('receipts and deletions are pushed in the very bytes in which they are told to who catches up', () => {
  const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'))
  const [read] = announced(world, acknowledge('read', BOB, 1)).filter(({ delivery }) => delivery.reading)
  const receipt = JSON.parse(read?.delivery.json ?? '')
  const [told] = receiptFrames([{ ...shuffled(receipt), position: 9n } as unknown as MissedReceipt])
  expect(JSON.stringify(told?.frame)).toBe(read?.delivery.json)

  const gone = { conversationId: CONVERSATION, seq: 1 as Seq, messageId: 'a' as MessageId, at: at(3) }
  const missed = { deleted: [{ ...gone, position: 9n }], expired: [{ ...gone, position: 9n }] }
  const frames = deletedFrames(missed as unknown as MissedChanges).map(({ frame }) => JSON.stringify(frame))
  expect(frames).toEqual([
    JSON.stringify(deletedFrame({ ...gone, type: 'MessageDeleted', by: ALICE })),
    JSON.stringify(expiredFrame(gone)),
  ])
})

const shuffled = (object: object): object => Object.fromEntries(Object.entries(object).toReversed())

test('within one batch, who comes gets what is said after, who goes gets what was said before', () => {
  const world = given(startGroup(ALICE, BOB))
  const all = told(world, send(ALICE, 'a'), add(CARL), send(ALICE, 'b'), remove(BOB), send(ALICE, 'c'))
  expect(all.filter((line) => line.startsWith('carl'))).toEqual([
    'carl: conversation group',
    'carl: member added',
    'carl: message 2',
    'carl: member removed',
    'carl: message 3',
  ])
  expect(all.filter((line) => line.startsWith('bob'))).toEqual([
    'bob: message 1',
    'bob: member added',
    'bob: message 2',
    'bob: member removed',
  ])
})

test('a role and a title are told to those who are in it at that moment, as they are then', () => {
  const rename = (title: string) => ({ type: 'rename', at: at(2), by: ALICE, title }) as const
  const promote = { type: 'change-role', at: at(2), by: ALICE, userId: BOB, role: 'admin' } as const
  const world = given(startGroup(ALICE, BOB))
  const all = told(world, rename('one'), promote, add(CARL), rename('two'), remove(BOB), rename('three'))
  expect(all.filter((line) => line.startsWith('bob'))).toEqual([
    'bob: conversation renamed one',
    'bob: member role admin',
    'bob: member added',
    'bob: conversation renamed two',
    'bob: member removed',
  ])
  expect(all.filter((line) => line.startsWith('carl'))).toEqual([
    'carl: conversation group one',
    'carl: member added',
    'carl: conversation renamed two',
    'carl: member removed',
    'carl: conversation renamed three',
  ])
})

test('the last admin who leaves is seen handing over, then leaving', () => {
  const world = given(startGroup(ALICE, BOB))
  expect(told(world, remove(ALICE))).toEqual([
    'alice: member role admin',
    'bob: member role admin',
    'alice: member removed',
    'bob: member removed',
  ])
})

test('a receipt goes to those whose messages it covers, and to the person’s other devices', () => {
  const world = given(startGroup(ALICE, BOB, CARL), send(ALICE, 'a'))
  expect(told(world, acknowledge('delivered', CARL, 1))).toEqual([
    'alice: receipt delivered 1',
    'carl: receipt delivered 1 but phone',
  ])
  const second = given(
    startGroup(ALICE, BOB, CARL),
    send(ALICE, 'a'),
    send(BOB, 'b'),
    acknowledge('read', CARL, 1),
  )
  expect(told(second, acknowledge('read', CARL, 2)).filter((line) => line.startsWith('alice'))).toEqual([])
})

test('who has left hears of no receipts any more', () => {
  const world = given(startGroup(ALICE, BOB, CARL), send(BOB, 'b'), remove(BOB))
  expect(told(world, acknowledge('read', CARL, 1)).filter((line) => line.startsWith('bob'))).toEqual([])
})

test('a second device that has it too changes nobody’s tick', () => {
  const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'), acknowledge('delivered', BOB, 1))
  expect(told(world, acknowledge('delivered', BOB, 1, LAPTOP))).toEqual([])
})

test('no receipt is told to have been before the message that it covers, whatever the clocks of two nodes', () => {
  const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'), send(ALICE, 'b', { at: at(107) }))
  const timesOf = (upTo: number) =>
    announced(world, acknowledge('read', BOB, upTo)).map(({ delivery }) => JSON.parse(delivery.json).at)
  expect(new Set(timesOf(1))).toEqual(new Set([20]))
  expect(new Set(timesOf(2))).toEqual(new Set([107]))
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConversationCommand } from '../../domain/conversation/commands.ts'
import type { Role } from '../../domain/events.ts'
import type { UserId } from '../../domain/ids.ts'
import { ALICE, apply, at, BOB, CARL, given, startDirect, startGroup, thenRejected, when } from './kit.ts'

const DORA = 'dora' as UserId
const EVERYBODY = [ALICE, BOB, CARL, DORA]

const add = (by: UserId, userId: UserId): ConversationCommand => ({
  type: 'add-members',
  at: at(2),
  by,
  userIds: [userId],
})
const remove = (by: UserId, userId: UserId): ConversationCommand => ({
  type: 'remove-member',
  at: at(3),
  by,
  userId,
})
const leave = (userId: UserId) => remove(userId, userId)
const makeRole = (by: UserId, userId: UserId, role: Role): ConversationCommand => ({
  type: 'change-role',
  at: at(4),
  by,
  userId,
  role,
})
const rename = (by: UserId, title?: string): ConversationCommand => ({
  type: 'rename',
  at: at(5),
  by,
  ...(title === undefined ? {} : { title }),
})

test('only admins change a group, and everybody may leave', () => {
  const world = given(startGroup(ALICE, BOB, CARL))
  for (const command of [
    add(BOB, DORA),
    remove(BOB, CARL),
    makeRole(BOB, BOB, 'admin'),
    makeRole(BOB, ALICE, 'member'),
    rename(BOB, 'ours'),
  ]) {
    thenRejected(when(world, command), 'forbidden')
    thenRejected(when(world, { ...command, by: DORA } as ConversationCommand), 'not_member')
  }
  expect(when(world, leave(BOB)).kind).toBe('accepted')
  const promoted = given(startGroup(ALICE, BOB, CARL), makeRole(ALICE, BOB, 'admin'))
  for (const command of [
    add(BOB, DORA),
    remove(BOB, ALICE),
    makeRole(BOB, ALICE, 'member'),
    rename(BOB, 'ours'),
  ]) {
    expect(when(promoted, command).kind).toBe('accepted')
  }
})

test('what is so already is done without a fact', () => {
  const world = given(startGroup(ALICE, BOB), rename(ALICE, 'us'))
  expect(when(world, rename(ALICE, 'us'))).toMatchObject({ kind: 'already-done', result: { renamed: false } })
  expect(when(world, makeRole(ALICE, BOB, 'member'))).toMatchObject({ kind: 'already-done' })
  expect(when(world, makeRole(ALICE, ALICE, 'admin'))).toMatchObject({ kind: 'already-done' })
  expect(when(world, remove(ALICE, CARL))).toMatchObject({ kind: 'already-done' })
})

test('a title is given and taken away', () => {
  const world = given(startGroup(ALICE, BOB), rename(ALICE, 'us'))
  expect(world.conversation.title).toBe('us')
  const decision = when(world, rename(ALICE))
  expect(decision).toMatchObject({ events: [{ type: 'ConversationRenamed', by: ALICE }] })
  if (decision.kind === 'accepted') for (const event of decision.events) apply(world, event)
  expect(world.conversation).not.toHaveProperty('title')
})

test('a direct conversation has neither roles nor a title to change', () => {
  const world = given(startDirect(ALICE, BOB))
  thenRejected(when(world, rename(ALICE, 'us')), 'conflict')
  thenRejected(when(world, makeRole(ALICE, BOB, 'admin')), 'conflict')
})

test('there is no role for somebody who is not in it', () => {
  thenRejected(when(given(startGroup(ALICE, BOB)), makeRole(ALICE, CARL, 'admin')), 'not_found')
})

describe('the last admin', () => {
  test('who leaves hands over to the one who has been there longest, in the same append', () => {
    const world = given(startGroup(ALICE, BOB, CARL), remove(ALICE, BOB), add(ALICE, DORA), add(ALICE, BOB))
    expect(when(world, leave(ALICE))).toMatchObject({
      kind: 'accepted',
      events: [
        { type: 'MemberRoleChanged', userId: CARL, role: 'admin', by: ALICE },
        { type: 'MemberRemoved', userId: ALICE, by: ALICE },
      ],
    })
  })

  test('who leaves while there is another admin hands nothing over', () => {
    const world = given(startGroup(ALICE, BOB, CARL), makeRole(ALICE, CARL, 'admin'))
    expect(when(world, leave(ALICE))).toMatchObject({ events: [{ type: 'MemberRemoved' }] })
  })

  test('who is alone leaves an empty group', () => {
    const world = given(startGroup(ALICE, BOB), leave(BOB))
    expect(when(world, leave(ALICE))).toMatchObject({ events: [{ type: 'MemberRemoved' }] })
  })

  test('does not step down before there is another', () => {
    const world = given(startGroup(ALICE, BOB))
    thenRejected(when(world, makeRole(ALICE, ALICE, 'member')), 'conflict')
    const two = given(startGroup(ALICE, BOB), makeRole(ALICE, BOB, 'admin'))
    expect(when(two, makeRole(ALICE, ALICE, 'member')).kind).toBe('accepted')
  })
})

test('whatever is asked, a group that has members has an admin', () => {
  const someone = fc.constantFrom(...EVERYBODY)
  const role = fc.constantFrom<Role>('admin', 'member')
  const command = fc.oneof(
    fc.tuple(someone, someone).map(([by, userId]) => add(by, userId)),
    fc.tuple(someone, someone).map(([by, userId]) => remove(by, userId)),
    someone.map(leave),
    fc.tuple(someone, someone, role).map(([by, userId, to]) => makeRole(by, userId, to)),
  )
  let handedOver = 0
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const world = given(startGroup(ALICE, BOB, CARL))
      const { members } = world.conversation
      for (const asked of commands) {
        const decision = when(world, asked)
        if (decision.kind !== 'accepted') continue
        if (decision.events.length > 1) handedOver++
        for (const event of decision.events) {
          apply(world, event)
          // After each fact, not only after each command: a reader may stop anywhere.
          const roles = [...members.values()].map((member) => member.role)
          expect(roles.length === 0 || roles.includes('admin')).toBe(true)
        }
      }
    }),
    { numRuns: 200 },
  )
  expect(handedOver).toBeGreaterThan(0)
})

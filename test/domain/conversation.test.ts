import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Delete } from '../../domain/conversation/commands.ts'
import { RECENT_MESSAGES } from '../../domain/conversation/recent-messages.ts'
import { MAX_MEMBERS } from '../../domain/conversation/rules.ts'
import type { Seq, UserId } from '../../domain/ids.ts'
import {
  ALICE,
  apply,
  at,
  BOB,
  CARL,
  emptyWorld,
  given,
  LAPTOP,
  send,
  startDirect,
  startGroup,
  thenRejected,
  when,
} from './kit.ts'

const people = (count: number): UserId[] => Array.from({ length: count }, (_, i) => `p${i}` as UserId)

describe('sending', () => {
  test('messages are numbered 1, 2, 3 … without gap', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a'), send(BOB, 'b'))
    expect(when(world, send(ALICE, 'c'))).toMatchObject({
      kind: 'accepted',
      events: [{ type: 'MessageSent', seq: 3 }],
    })
  })

  test('the same message again gives the same answer and no second message', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a'), send(ALICE, 'b'))
    expect(when(world, send(ALICE, 'a', { at: at(999), deviceId: LAPTOP }))).toEqual({
      kind: 'already-done',
      result: { seq: 1, at: 10 },
    })
  })

  test('a message that may be older than the state remembers is looked up before it is decided', () => {
    const many = Array.from({ length: RECENT_MESSAGES + 1 }, (_, i) =>
      send(ALICE, `m${i}`, { clientAt: at(100 + i), at: at(200 + i) }),
    )
    const world = given(startDirect(ALICE, BOB), ...many)
    const again = send(ALICE, 'm0', { clientAt: at(100) })
    const asked = { kind: 'needs-message', upToSeq: (RECENT_MESSAGES + 1) as Seq, lateDeletions: 0 } as const
    expect(when(world, again)).toEqual(asked)
    const found = { seq: 1, messageId: 'm0', senderId: ALICE, deviceId: 'phone', at: 200 } as never
    const looked = { ...again, lookUp: { found, asked } }
    expect(when(world, looked)).toEqual({ kind: 'already-done', result: { seq: 1, at: 200 } })
    const nothing = { ...again, lookUp: { found: null, asked } }
    expect(when(world, nothing)).toMatchObject({ kind: 'accepted' })
  })

  test('whichever message is sent again, remembered or forgotten, it is never accepted a second time', () => {
    const many = Array.from({ length: RECENT_MESSAGES + 1 }, (_, i) =>
      send(ALICE, `m${i}`, { clientAt: at(100 + i), at: at(200 + i) }),
    )
    const world = given(startDirect(ALICE, BOB), ...many)
    const kinds = many.map((again) => when(world, again).kind)
    expect(kinds).toEqual([
      ...Array.from({ length: 16 }, () => 'needs-message'),
      ...Array.from({ length: RECENT_MESSAGES + 1 - 16 }, () => 'already-done'),
    ])
  })

  test('a look-up that found nothing proves nothing about what came, and was forgotten, since', () => {
    const burst = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => send(ALICE, `m${from + i}`, { clientAt: at(100 + from + i) }))
    const late = send(ALICE, 'late', { clientAt: at(1) })
    const before = given(startDirect(ALICE, BOB), ...burst(0, RECENT_MESSAGES + 1))
    const asked = when(before, late)
    if (asked.kind !== 'needs-message') throw new Error(asked.kind)
    const answered = { ...late, lookUp: { found: null, asked } }
    const twice = given(
      startDirect(ALICE, BOB),
      ...burst(0, RECENT_MESSAGES + 1),
      answered,
      ...burst(500, RECENT_MESSAGES + 1),
    )
    expect(when(twice, answered)).toMatchObject({ kind: 'needs-message' })
  })

  test('a message of the epoch itself is remembered to be forgotten', () => {
    const first = send(ALICE, 'first', { clientAt: at(0) })
    const others = Array.from({ length: RECENT_MESSAGES + 1 }, (_, i) =>
      send(BOB, `m${i}`, { clientAt: at(100 + i), at: at(200 + i) }),
    )
    const world = given(startDirect(ALICE, BOB), first, ...others)
    expect(when(world, first).kind).toBe('needs-message')
  })

  test('a forgotten message is deleted once, however many have looked it up before', () => {
    const many = Array.from({ length: RECENT_MESSAGES + 200 }, (_, i) =>
      send(ALICE, `m${i}`, { clientAt: at(100 + i), at: at(200 + i) }),
    )
    const before = [startDirect(ALICE, BOB), ...many]
    const remove = (number: number) =>
      ({ type: 'delete', at: at(900), by: ALICE, messageId: `m${number}` }) as unknown as Delete
    const asked = when(given(...before), remove(0))
    if (asked.kind !== 'needs-message') throw new Error(asked.kind)
    const looked = (number: number) => {
      const found = {
        seq: number + 1,
        messageId: `m${number}`,
        senderId: ALICE,
        deviceId: 'phone',
        at: 200,
      } as never
      return { ...remove(number), lookUp: { found, asked } }
    }
    expect(when(given(...before), looked(0)).kind).toBe('accepted')
    const again = when(given(...before, looked(0), looked(1)), { ...looked(0), at: at(950) })
    expect(again).toEqual({ kind: 'already-done', result: { seq: 1, at: 900 } })

    // More deletions than are remembered since the look-up: nobody knows, so it is looked up again.
    const rest = Array.from({ length: 300 }, (_, i) => looked(i % 200))
    const world = given(...before, ...rest)
    expect(when(world, looked(0))).toMatchObject({ kind: 'already-done' })
    const lateDeletions = { count: 400, newest: world.conversation.lateDeletions.newest.slice(-10) }
    const old = { ...world, conversation: { ...world.conversation, lateDeletions } }
    expect(when(old, looked(0))).toMatchObject({ kind: 'needs-message', lateDeletions: 400 })
  })

  test('whoever sent a message gets its answer again even after they were removed', () => {
    const world = given(startGroup(ALICE, BOB), send(BOB, 'b'), {
      type: 'remove-member',
      at: at(2),
      by: ALICE,
      userId: BOB,
    })
    expect(when(world, send(BOB, 'b'))).toMatchObject({ kind: 'already-done', result: { seq: 1 } })
    thenRejected(when(world, send(BOB, 'c')), 'not_member')
  })

  test('a message later than all that is forgotten of its sender needs no look-up, whatever others’ clocks say', () => {
    const many = Array.from({ length: RECENT_MESSAGES + 1 }, (_, i) =>
      send(ALICE, `m${i}`, { clientAt: at(1_000_000 + i) }),
    )
    const world = given(startDirect(ALICE, BOB), ...many)
    expect(when(world, send(BOB, 'b', { clientAt: at(5) })).kind).toBe('accepted')
    // A page of 16 is forgotten at once.
    expect(when(world, send(ALICE, 'new', { clientAt: at(1_000_015) })).kind).toBe('needs-message')
    expect(when(world, send(ALICE, 'new', { clientAt: at(1_000_016) })).kind).toBe('accepted')
  })

  test('times never go back, even when a node’s clock does', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a', { at: at(500) }))
    expect(when(world, send(BOB, 'b', { at: at(400) }))).toMatchObject({ result: { at: 500 } })
  })

  test('nobody sends to a conversation that does not exist, or that they are not in', () => {
    thenRejected(when(emptyWorld(), send(ALICE, 'a')), 'not_found')
    thenRejected(when(given(startDirect(ALICE, BOB)), send(CARL, 'a')), 'not_member')
  })
})

describe('deleting', () => {
  test('only the sender deletes a message for everyone, and once', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a'))
    const remove = (by: UserId) => ({ type: 'delete', at: at(50), by, messageId: 'a' as never }) as const
    thenRejected(when(world, remove(BOB)), 'forbidden')
    const decision = when(world, remove(ALICE))
    expect(decision).toMatchObject({ kind: 'accepted', result: { seq: 1, at: 50 } })
    if (decision.kind === 'accepted') for (const event of decision.events) apply(world, event)
    expect(when(world, { ...remove(ALICE), at: at(99) })).toEqual({
      kind: 'already-done',
      result: { seq: 1, at: 50 },
    })
  })

  test('a deleted message that is sent again stays deleted and gets its first answer', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a'), {
      type: 'delete',
      at: at(50),
      by: ALICE,
      messageId: 'a' as never,
    })
    expect(when(world, send(ALICE, 'a'))).toMatchObject({ kind: 'already-done', result: { seq: 1 } })
  })
})

describe('membership', () => {
  test('a pair has one conversation: starting it again changes nothing', () => {
    const world = given(startDirect(ALICE, BOB))
    expect(when(world, startDirect(BOB, ALICE))).toEqual({ kind: 'already-done', result: { created: false } })
  })

  test('a group holds 1,024 people and not one more', () => {
    const world = given(startGroup(ALICE, ...people(MAX_MEMBERS - 1)))
    const add = { type: 'add-members', at: at(2), by: ALICE, userIds: [BOB] } as const
    thenRejected(when(world, add), 'too_large')
    thenRejected(when(emptyWorld(), startGroup(ALICE, ...people(MAX_MEMBERS))), 'too_large')
  })

  test('only admins add and remove people, everybody may leave', () => {
    const world = given(startGroup(ALICE, BOB))
    thenRejected(when(world, { type: 'add-members', at: at(2), by: BOB, userIds: [CARL] }), 'forbidden')
    thenRejected(when(world, { type: 'remove-member', at: at(2), by: BOB, userId: ALICE }), 'forbidden')
    expect(when(world, { type: 'remove-member', at: at(2), by: BOB, userId: BOB }).kind).toBe('accepted')
  })

  test('the two of a direct conversation stay the two', () => {
    const world = given(startDirect(ALICE, BOB))
    thenRejected(when(world, { type: 'add-members', at: at(2), by: ALICE, userIds: [CARL] }), 'conflict')
    thenRejected(when(world, { type: 'remove-member', at: at(2), by: ALICE, userId: ALICE }), 'conflict')
  })

  test('who comes later starts behind the last message', () => {
    const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'), {
      type: 'add-members',
      at: at(2),
      by: ALICE,
      userIds: [CARL],
    })
    expect(world.conversation.members.get(CARL)).toEqual({ role: 'member', joinedSeq: 1 })
  })

  test('a removed member can send no more', () => {
    const remove = { type: 'remove-member', at: at(2), by: ALICE, userId: BOB } as const
    thenRejected(when(given(startGroup(ALICE, BOB), remove), send(BOB, 'b')), 'not_member')
  })
})

test('whatever is asked in whatever order, seqs are dense and each message exists once', () => {
  const someone = fc.constantFrom(ALICE, BOB, CARL)
  const command = fc.oneof(
    fc
      .record({ who: someone, name: fc.integer({ min: 0, max: 200 }) })
      .map(({ who, name }) => send(who, `${who}${name}`, { clientAt: at(name) })),
    someone.map((userId) => ({ type: 'add-members', at: at(2), by: ALICE, userIds: [userId] }) as const),
    someone.map((userId) => ({ type: 'remove-member', at: at(2), by: ALICE, userId }) as const),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 400 }), (commands) => {
      const world = given(startGroup(ALICE, BOB))
      const seqs = new Map<string, number>()
      for (const asked of commands) {
        let decision = when(world, asked)
        if (decision.kind === 'needs-message' && asked.type === 'send') {
          const seq = seqs.get(asked.messageId)
          const known = {
            messageId: asked.messageId,
            senderId: asked.by,
            deviceId: asked.deviceId,
            at: at(0),
          }
          decision = when(world, {
            ...asked,
            lookUp: { found: seq === undefined ? null : { ...known, seq: seq as never }, asked: decision },
          })
        }
        if (decision.kind === 'already-done' && asked.type === 'send') {
          expect(decision.result).toMatchObject({ seq: seqs.get(asked.messageId) })
        }
        if (decision.kind !== 'accepted') continue
        for (const event of decision.events) {
          apply(world, event)
          if (event.type !== 'MessageSent') continue
          expect(event.seq).toBe(seqs.size + 1)
          expect(seqs.has(event.messageId)).toBe(false)
          seqs.set(event.messageId, event.seq)
        }
      }
    }),
    { numRuns: 60 },
  )
})

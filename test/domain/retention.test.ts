import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChangeRetention, ConversationCommand, Expire } from '../../domain/conversation/commands.ts'
import type { Seq, UserId } from '../../domain/ids.ts'
import type { Retention } from '../../domain/retention.ts'
import { appendSeq, hasSeq, PAGE_RANGES, removeSeq, type SeqRanges } from '../../domain/seq-ranges.ts'
import { ALICE, at, BOB, given, send, startDirect, startGroup, thenRejected, when } from './kit.ts'

const change = (by: UserId, retention: Retention): ChangeRetention => ({
  type: 'change-retention',
  at: at(5),
  by,
  retention,
})
const expire = (...seqs: number[]): Expire => ({
  type: 'expire',
  at: at(100),
  messages: seqs.map((seq) => ({ seq: seq as Seq, messageId: `m${seq}` as never, reason: 'ttl' })),
})
const HOUR: Retention = { mode: 'ttl', seconds: 3600 }

const eventsOf = (decision: ReturnType<typeof when>) => {
  if (decision.kind !== 'accepted') throw new Error(`not accepted but ${decision.kind}`)
  return decision.events
}

describe('retention', () => {
  test('is a fact beside the start when a conversation is temporary from the beginning', () => {
    const started = when(given(), { ...startDirect(ALICE, BOB), retention: HOUR } as ConversationCommand)
    expect(eventsOf(started).map(({ type }) => type)).toEqual(['ConversationStarted', 'RetentionChanged'])
    expect(eventsOf(when(given(), startDirect(ALICE, BOB)))).toHaveLength(1)
  })

  test('counts for the messages that come, not for those before', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'm1'), change(BOB, HOUR), send(ALICE, 'm2'))
    expect(world.conversation.temporary).toEqual([[{ from: 2, to: 2 }]])
    const [third] = eventsOf(when(world, send(BOB, 'm3', { at: at(1000) })))
    expect(third).toMatchObject({ temporary: { mode: 'ttl', expiresAt: 1000 + 3_600_000 } })
    const forEver = given(
      startDirect(ALICE, BOB),
      change(ALICE, HOUR),
      change(BOB, { mode: 'permanent' }),
      send(ALICE, 'm1'),
    )
    expect(forEver.conversation.temporary).toEqual([])
  })

  test('is changed by either of two, in a group by admins alone; the same again is no new fact', () => {
    const group = given(startGroup(ALICE, BOB))
    thenRejected(when(group, change(BOB, HOUR)), 'forbidden')
    thenRejected(when(group, change('carl' as UserId, HOUR)), 'not_member')
    expect(eventsOf(when(group, change(ALICE, HOUR)))).toMatchObject([
      { type: 'RetentionChanged', retention: HOUR, by: ALICE },
    ])
    const pair = given(startDirect(ALICE, BOB), change(BOB, HOUR))
    expect(when(pair, change(ALICE, HOUR))).toMatchObject({
      kind: 'already-done',
      result: { changed: false },
    })
    expect(when(pair, change(ALICE, { mode: 'ttl', seconds: 3601 }))).toMatchObject({ kind: 'accepted' })
  })
})

describe('an expiry', () => {
  const world = () =>
    given(startDirect(ALICE, BOB), send(ALICE, 'm1'), change(ALICE, HOUR), send(ALICE, 'm2'), send(BOB, 'm3'))

  test('is recorded once for each message, and never for one whose body is permanent', () => {
    expect(eventsOf(when(world(), expire(1, 2, 3)))).toMatchObject([
      { type: 'MessageExpired', seq: 2 },
      { type: 'MessageExpired', seq: 3 },
    ])
    const after = given(
      startDirect(ALICE, BOB),
      change(ALICE, HOUR),
      send(ALICE, 'm1'),
      send(ALICE, 'm2'),
      expire(1),
    )
    expect(eventsOf(when(after, expire(1, 2)))).toMatchObject([{ seq: 2 }])
    expect(when(after, expire(1))).toMatchObject({ kind: 'already-done', result: { expired: 0 } })
  })

  test('leaves a resend its first answer, and its sender the right to delete it', () => {
    const after = given(startDirect(ALICE, BOB), change(ALICE, HOUR), send(ALICE, 'm1'), expire(1))
    expect(when(after, send(ALICE, 'm1', { at: at(500) }))).toMatchObject({
      kind: 'already-done',
      result: { seq: 1, at: 10 },
    })
    const deletion = { type: 'delete', at: at(600), by: ALICE, messageId: 'm1' as never } as const
    expect(eventsOf(when(after, deletion))).toMatchObject([{ type: 'MessageDeleted', seq: 1 }])
  })

  test('of a message that was deleted is no fact any more', () => {
    const deletion = { type: 'delete', at: at(60), by: ALICE, messageId: 'm1' as never } as const
    const after = given(startDirect(ALICE, BOB), change(ALICE, HOUR), send(ALICE, 'm1'), deletion)
    expect(when(after, expire(1))).toMatchObject({ kind: 'already-done' })
  })
})

test('ranges of seqs hold what a set would hold, ascending and without neighbours', () => {
  const steps = fc.array(fc.record({ append: fc.boolean(), gap: fc.nat(3), pick: fc.nat(60) }), {
    maxLength: 60,
    size: 'max',
  })
  fc.assert(
    fc.property(steps, (all) => {
      let ranges: SeqRanges = []
      const model = new Set<number>()
      let last = 0
      for (const { append, gap, pick } of all) {
        if (append) {
          last += 1 + gap
          ranges = appendSeq(ranges, last as Seq)
          model.add(last)
        } else {
          ranges = removeSeq(ranges, pick as Seq)
          model.delete(pick)
        }
      }
      for (let seq = 0; seq <= last + 1; seq++) expect(hasSeq(ranges, seq as Seq)).toBe(model.has(seq))
      for (const [index, { from, to }] of ranges.flat().entries()) {
        expect(from).toBeLessThanOrEqual(to)
        expect(from).toBeGreaterThan((ranges.flat()[index - 1]?.to ?? -1) + 1)
      }
    }),
  )
})

test('one seq more or less copies a page of the ranges, however many there are', () => {
  let ranges: SeqRanges = []
  for (let seq = 1; seq <= 20_000; seq += 2) ranges = appendSeq(ranges, seq as Seq)
  expect(ranges.flat()).toHaveLength(10_000)
  const isShared = (after: SeqRanges) => after.filter((page) => ranges.includes(page)).length
  for (const after of [appendSeq(ranges, 20_001 as Seq), removeSeq(ranges, 9_999 as Seq)]) {
    expect(isShared(after)).toBeGreaterThanOrEqual(ranges.length - 1)
  }
  // The other way: one long range of which every second seq goes.
  let holed: SeqRanges = []
  for (let seq = 1; seq <= 20_000; seq++) holed = appendSeq(holed, seq as Seq)
  for (let seq = 1; seq <= 20_000; seq += 2) holed = removeSeq(holed, seq as Seq)
  expect(holed.flat()).toHaveLength(10_000)
  for (const pages of [ranges, holed]) {
    expect(pages.length).toBeLessThan((10_000 / PAGE_RANGES) * 2 + 2)
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(PAGE_RANGES)
  }
})

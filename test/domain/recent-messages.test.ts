/** The newest messages of a conversation, held against an array of all. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  findRecent,
  oldestSeq,
  RECENT_MESSAGES,
  type RecentMessage,
  type RecentMessages,
  recentBetween,
  remember,
  withDeletion,
} from '../../domain/conversation/recent-messages.ts'
import type { DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'

/** All ids begin alike, so that every tag is that of every other. */
const message = (seq: number): RecentMessage => ({
  seq: seq as Seq,
  messageId: `00000000-${seq}` as MessageId,
  senderId: 'alice' as UserId,
  deviceId: 'phone' as DeviceId,
  clientAt: seq as Millis,
  at: seq as Millis,
})

function rememberAll(count: number) {
  let recent: RecentMessages = []
  const forgotten: RecentMessage[] = []
  for (let seq = 1; seq <= count; seq++) {
    const next = remember(recent, message(seq))
    recent = next.recent
    forgotten.push(...next.forgotten)
  }
  return { recent, forgotten }
}

describe('recent messages', () => {
  test('whatever came, it is either remembered or was handed back as forgotten, each once and in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * RECENT_MESSAGES }), (count) => {
        const { recent, forgotten } = rememberAll(count)
        const all = [...forgotten, ...recent.flatMap(({ messages }) => messages)]
        expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1))
        const kept = count - forgotten.length
        expect(kept).toBeLessThanOrEqual(RECENT_MESSAGES)
        expect(kept).toBeGreaterThan(Math.min(count, RECENT_MESSAGES) - 16)
        expect(oldestSeq(recent)).toBe(count === 0 ? undefined : forgotten.length + 1)
      }),
    )
  })

  test('a message is found by its id alone, also among ids that begin alike, and a forgotten one is not', () => {
    const { recent, forgotten } = rememberAll(RECENT_MESSAGES + 20)
    for (const { messageId } of forgotten) expect(findRecent(recent, messageId)).toBeUndefined()
    for (let seq = forgotten.length + 1; seq <= RECENT_MESSAGES + 20; seq++) {
      expect(findRecent(recent, message(seq).messageId)).toEqual(message(seq))
    }
  })

  test('a range gives what is remembered of it', () => {
    const count = RECENT_MESSAGES + 20
    const { recent, forgotten } = rememberAll(count)
    const bound = fc.integer({ min: 0, max: count + 5 })
    fc.assert(
      fc.property(bound, bound, (from, to) => {
        const expected: number[] = []
        for (let seq = Math.max(from, forgotten.length + 1); seq <= Math.min(to, count); seq++)
          expected.push(seq)
        expect(recentBetween(recent, from as Seq, to as Seq).map(({ seq }) => seq)).toEqual(expected)
      }),
    )
    expect(recentBetween([], 1 as Seq, 5 as Seq)).toEqual([])
  })

  test('an older value stays as it is when a message comes or is deleted', () => {
    const { recent } = rememberAll(20)
    const copy = structuredClone(recent)
    const more = remember(recent, message(21)).recent
    const deleted = withDeletion(more, 18 as Seq, 99 as Millis)
    expect(recent).toEqual(copy)
    expect(findRecent(deleted, message(18).messageId)).toEqual({ ...message(18), deletedAt: 99 })
    expect(findRecent(more, message(18).messageId)).toEqual(message(18))
  })
})

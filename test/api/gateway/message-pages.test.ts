/** Pages that people who come back share: read once, the same for each, and nobody's longer than they may be. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterEach, expect, test, vi } from 'vitest'
import { createMessagePages, firstPageOf } from '../../../api/gateway/message-pages.ts'
import { createTurns } from '../../../api/gateway/turns.ts'
import type { ConversationId, MessageId, Seq } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import { seal } from '../../../ledger/sealing/seal.ts'

const CONVERSATION = 'c0ffee00-0000-4000-8000-000000000000' as ConversationId
const key = randomBytes(32)
const page = (from: number, to: number, deletedUpTo: bigint | null = null) => ({
  conversationId: CONVERSATION,
  from: from as Seq,
  to: to as Seq,
  deletedUpTo: deletedUpTo as Position | null,
})

/** A read model with as many messages as are asked for; those of `deleted` and `temporary` are so. */
function begin(text = 'words') {
  const deleted = new Set<number>()
  const temporary = new Set<number>()
  const reads: string[] = []
  /** How many messages have room in a page. */
  const room = { messages: 200 }
  const rowOf = (seq: number) => {
    const messageId = seq.toString(16).padStart(64, '0') as MessageId
    const sealed = seal(key, messageId, { kind: 'text', text: `${text} ${seq}` })
    return {
      conversation_id: CONVERSATION,
      seq,
      message_id: Buffer.from(messageId, 'hex'),
      sender_id: 'ann',
      device_id: 'phone',
      nonce: 'n',
      client_at: '1',
      at: '2',
      body_hash: Buffer.from(sealed.hash, 'hex'),
      body: deleted.has(seq) ? null : Buffer.from(sealed.bytes, 'base64'),
      deleted_at: deleted.has(seq) ? '3' : null,
      temporary: temporary.has(seq) ? 'ttl' : null,
      expires_at: temporary.has(seq) ? '4' : null,
      expired_at: null,
      position: String(seq),
    }
  }
  const pool = {
    query: async ({ values: [, from, to] }: { values: [string, number, number] }) => {
      reads.push(`${from}-${to}`)
      const rows = Array.from({ length: Math.min(room.messages, to - from + 1) }, (_, index) =>
        rowOf(from + index),
      )
      await new Promise((resolve) => setImmediate(resolve))
      return { rows }
    },
  }
  const contentKeys = { find: async () => ({ of: () => key }) }
  const messagePages = createMessagePages({
    pool: pool as unknown as pg.Pool,
    contentKeys: contentKeys as never,
    turns: createTurns(),
  })
  return { deleted, temporary, reads, room, messagePages }
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('a page that many ask for, at once and one after another, is read once and the same for each', async () => {
  const { reads, messagePages } = begin()
  const [first, ...others] = await Promise.all(Array.from({ length: 50 }, () => messagePages(page(1, 200))))
  others.push(await messagePages(page(1, 200)))
  expect(reads).toEqual(['1-200'])
  expect(first?.upTo).toBe(200)
  expect(first?.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
  expect(JSON.parse(first?.messages[6]?.json ?? '')).toMatchObject({
    t: 'message',
    seq: 7,
    body: { text: 'words 7' },
  })
  for (const other of others) expect(other).toEqual(first)
})

test('who comes after a deletion gets no page from before it', async () => {
  const { deleted, messagePages } = begin()
  await messagePages(page(1, 3))
  deleted.add(2)
  const [, message] = (await messagePages(page(1, 3, 9n))).messages
  expect(JSON.parse(message?.json ?? '')).toMatchObject({ seq: 2, gone: 'deleted' })
  expect(message?.json).not.toContain('words')
})

test('a page with a temporary body is read for each who asks, also at the same time', async () => {
  const { temporary, reads, messagePages } = begin()
  temporary.add(2)
  await Promise.all(Array.from({ length: 5 }, () => messagePages(page(1, 3))))
  await messagePages(page(1, 3))
  expect(reads).toHaveLength(6)
})

test('a page is gone five seconds after it was read, however often it is asked for', async () => {
  const { reads, messagePages } = begin()
  const began = performance.now()
  const clock = vi.spyOn(performance, 'now')
  for (let second = 1; second < 10; second++) {
    clock.mockReturnValue(began + second * 1_000)
    // The cache looks at the clock at most once a millisecond.
    await sleep(5)
    await messagePages(page(1, 3))
  }
  expect(reads).toHaveLength(2)
})

test('of many large pages no more is kept than has room', async () => {
  const { reads, messagePages } = begin('x'.repeat(60_000))
  const pages = Array.from({ length: 12 }, (_, index) => page(index * 50 + 1, index * 50 + 50))
  for (const one of pages) await messagePages(one)
  // 12 × 50 × 60 kB do not fit; the newest do.
  await messagePages(pages.at(-1) as (typeof pages)[number])
  await messagePages(pages[0] as (typeof pages)[number])
  expect(reads).toHaveLength(13)
})

test('a page ends early where the read models say so, and one without a message ends where it was to', async () => {
  const { messagePages, room } = begin()
  room.messages = 8
  expect((await messagePages(page(1, 200))).upTo).toBe(8)
  expect((await messagePages(page(9, 200))).upTo).toBe(16)
  room.messages = 0
  expect(await messagePages(page(17, 200))).toMatchObject({ messages: [], upTo: 200 })
})

test('a reading that fails is told to all who wait for it, and the next one tries again', async () => {
  const { messagePages } = begin()
  const broken = createMessagePages({
    pool: { query: async () => Promise.reject(new Error('away')) } as unknown as pg.Pool,
    contentKeys: {} as never,
    turns: createTurns(),
  })
  const asked = await Promise.allSettled([broken(page(1, 3)), broken(page(1, 3))])
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(broken(page(1, 3))).rejects.toThrow('away')
  expect((await messagePages(page(1, 3))).messages).toHaveLength(3)
})

test('pages end at the same seqs, wherever a stretch begins', () => {
  const stretch = (from: number, to: number) => firstPageOf({ from: from as Seq, to: to as Seq })
  expect(stretch(1, 500)).toEqual({ from: 1, to: 200 })
  expect(stretch(151, 500)).toEqual({ from: 151, to: 200 })
  expect(stretch(200, 500)).toEqual({ from: 200, to: 200 })
  expect(stretch(401, 450)).toEqual({ from: 401, to: 450 })
})

/** What a device that was away is given when it comes back: everything that it missed, once, in order. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, type Frame, join, sayAll, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

describe('going away and coming back', () => {
  test('everything missed comes in order, messages and receipts, then `live`', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    await sayAll(
      a,
      id,
      Array.from({ length: 450 }, (_, i) => `m${i + 1}`),
    )
    await a.close()
    const b = await join(url, bob)
    const seqs = b.all({ t: 'message' }).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: 450 }, (_, i) => i + 1))
    expect(b.frames.findIndex(({ t }) => t === 'live')).toBe(b.frames.length - 1)
    b.send({ t: 'read', ref: 'r', conversationId: id, upTo: 450 })
    await b.get({ t: 'receipt', ref: 'r' })
    const back = await join(url, alice)
    expect(back.all({ t: 'message' })).toEqual([])
    expect(back.all({ t: 'receipt' })).toMatchObject([
      { userId: bob, kind: 'delivered', upTo: 450 },
      { userId: bob, kind: 'read', upTo: 450 },
    ])
    await Promise.all([b.close(), back.close()])
  })

  test('those who come back at the same time each get what they may read, and no word that was deleted before', async () => {
    const [alice, bob, cleo, dan] = people('alice', 'bob', 'cleo', 'dan') as [string, string, string, string]
    const id = await begin(url, alice, 'group', [bob, cleo])
    const a = await join(url, alice)
    const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)
    const sayWords = (from: number, to: number) =>
      sayAll(
        a,
        id,
        numbers(from, to).map((n) => `word ${n}`),
      )
    await sayWords(1, 250)
    await call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [dan] })
    const word260 = (await sayWords(251, 300))[9] as Frame
    const seqsOf = ({ frames }: { readonly frames: readonly Frame[] }) =>
      frames.filter(({ t }) => t === 'message').map(({ seq }) => seq)
    const alone = await join(url, bob)
    a.send({ t: 'delete', ref: 'd', conversationId: id, messageId: word260.messageId })
    await a.get({ t: 'deleted', ref: 'd' })
    const [other, c, d] = await Promise.all([
      join(url, alice, { device: 'other' }),
      join(url, cleo),
      join(url, dan),
    ])
    expect(seqsOf(alone)).toEqual(numbers(1, 300))
    for (const chat of [other, c]) expect(seqsOf(chat)).toEqual(numbers(1, 300))
    expect(seqsOf(d)).toEqual(numbers(251, 300))
    for (const chat of [other, c, d]) {
      expect(await chat.get({ t: 'message', seq: word260.seq })).toMatchObject({ gone: 'deleted' })
      expect(JSON.stringify(chat.frames)).not.toContain('word 260')
    }
    // The device that has sent them has them.
    await a.close()
    const back = await join(url, alice)
    expect(back.all({ t: 'message' })).toEqual([])
    await Promise.all([alone, other, c, d, back].map((chat) => chat.close()))
  })

  test('what was acknowledged with `ack` does not come again', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    await a.say(id, 'x')
    b.send({ t: 'read', ref: 1, conversationId: id, upTo: 1 })
    await b.get({ ref: 1 })
    await a.close()
    const second = await join(url, alice)
    expect(second.all({ t: 'receipt' })).toHaveLength(2)
    second.send({ t: 'ack', position: (await second.get({ t: 'live' })).position })
    second.send({ t: 'ping' })
    await second.get({ t: 'pong' })
    await expect
      .poll(
        async () => {
          const again = await join(url, alice, { device: 'default' })
          const receipts = again.all({ t: 'receipt' }).length
          await again.close()
          return receipts
        },
        { interval: 300 },
      )
      .toBe(0)
    await b.close()
  })

  test('messages that are sent while a person catches up come exactly once, in order', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    const total = 1500
    const frames = new Map<number, Frame>()
    // What a machine with little room refuses is sent again, as every client has to.
    a.socket.on('message', (data) => {
      for (const { ref, code, retryAfterMs } of [JSON.parse(String(data))].flat()) {
        if (code === 'overloaded') setTimeout(() => a.send(frames.get(ref) as Frame), retryAfterMs)
      }
    })
    const sending = (async () => {
      for (let i = 1; i <= total; i++) {
        const frame = textFrame(a, id, `m${i}`, i)
        frames.set(i, frame)
        a.send(frame)
        if (i % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    for (let visit = 0; visit < 6; visit++) {
      const b = await join(url, bob, { hasty: visit % 2 === 0 })
      await new Promise((resolve) => setTimeout(resolve, 60))
      const seqs = b.all({ t: 'message' }).map(({ seq }) => seq)
      const first = seqs[0] ?? 1
      expect(seqs).toEqual(seqs.map((_, i) => first + i))
      const upTo = seqs.at(-1)
      if (upTo !== undefined) {
        b.send({ t: 'delivered', ref: 'd', conversationId: id, upTo })
        await b.get({ ref: 'd' })
      }
      await b.close()
    }
    await sending
    await expect.poll(() => a.all({ t: 'sent' }).length, { timeout: 45_000 }).toBe(total)
    await Promise.all([a.close()])
  }, 60_000)
})

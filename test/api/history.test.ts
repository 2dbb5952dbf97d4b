import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, type Chat, call, createCast, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

const ask = (userId: string, id: string, query: string) =>
  call(url, userId, 'GET', `/v1/conversations/${id}/messages?${query}`)

/** The seqs of a page, with an ellipsis where there is more. */
async function page(userId: string, id: string, query: string): Promise<string> {
  const { body } = await ask(userId, id, query)
  const seqs = body.messages.map(({ seq }: { seq: number }) => seq).join(' ')
  return `${body.hasMoreBefore ? '… ' : ''}${seqs}${body.hasMoreAfter ? ' …' : ''}`
}

/** One after another; the last one is durable when this resolves. */
async function write(chat: Chat, id: string, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) ids.push((await chat.say(id, `m${i}`)).messageId)
  return ids
}

describe('a history', () => {
  test('is paged both ways and jumped into by seq or messageId, and says where there is more', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    expect(await page(bob, id, '')).toBe('')
    const a = await join(url, alice)
    const ids = await write(a, id, 20)
    const pages: Record<string, string> = {
      'limit=3': '… 18 19 20',
      '': Array.from({ length: 20 }, (_, i) => i + 1).join(' '),
      'before=18&limit=3': '… 15 16 17 …',
      'before=4&limit=3': '1 2 3 …',
      'before=1': ' …',
      'after=5&limit=3': '… 6 7 8 …',
      'after=17&limit=3': '… 18 19 20',
      'after=0&limit=3': '1 2 3 …',
      'after=20': '… ',
      'around=10&limit=5': '… 8 9 10 11 12 …',
      'around=1&limit=5': '1 2 3 4 5 …',
      'around=99&limit=5': '… 16 17 18 19 20',
      [`around=${ids[9]}&limit=5`]: '… 8 9 10 11 12 …',
      [`around=${ids[19]}&limit=1`]: '… 20',
    }
    for (const [query, expected] of Object.entries(pages)) {
      expect(await page(bob, id, query), query).toBe(expected)
    }
    await a.close()
  })

  test('walked page by page in either direction shows each message once', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    await write(a, id, 23)
    const walk = async (start: string, next: (seqs: number[]) => string, more: string) => {
      const pages: number[][] = []
      for (let query = start; ; ) {
        const { body } = await ask(bob, id, `${query}&limit=5`)
        const seqs = body.messages.map(({ seq }: { seq: number }) => seq)
        pages.push(seqs)
        if (!body[more]) return pages
        query = next(seqs)
      }
    }
    const all = Array.from({ length: 23 }, (_, i) => i + 1)
    const back = await walk('', (seqs) => `before=${seqs[0]}`, 'hasMoreBefore')
    expect(back.reverse().flat()).toEqual(all)
    const forth = await walk('after=0', (seqs) => `after=${seqs.at(-1)}`, 'hasMoreAfter')
    expect(forth.flat()).toEqual(all)
    await a.close()
  })

  test('says what is unread and where it begins, as does the inbox', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    await a.say(id, 'one')
    const second = await a.say(id, 'two')
    await b.say(id, 'mine')
    await a.say(id, 'three')
    b.send({ t: 'read', ref: 1, conversationId: id, upTo: 1 })
    await b.get({ ref: 1 })
    const divider = { unread: 2, firstUnreadSeq: 2, earliestUnreadAt: second.at }
    // Wherever the page is.
    expect((await ask(bob, id, 'before=2')).body).toMatchObject({ ...divider, readUpTo: 1 })
    expect((await call(url, bob, 'GET', '/v1/inbox')).body.conversations).toMatchObject([divider])
    b.send({ t: 'read', ref: 2, conversationId: id, upTo: 4 })
    await b.get({ ref: 2 })
    const nothing = { unread: 0, firstUnreadSeq: null, earliestUnreadAt: null }
    expect((await ask(bob, id, '')).body).toMatchObject({ ...nothing, readUpTo: 4 })
    expect((await call(url, bob, 'GET', '/v1/inbox')).body.conversations).toMatchObject([nothing])
    await Promise.all([a.close(), b.close()])
  })

  test('shows that a message was deleted, in its place and without its words', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    const ids = await write(a, id, 3)
    a.send({ t: 'delete', ref: 'gone', conversationId: id, messageId: ids[1] })
    await a.get({ ref: 'gone' })
    const { body } = await ask(bob, id, `around=${ids[1]}`)
    expect(body.messages).toMatchObject([{ seq: 1 }, { seq: 2, gone: 'deleted' }, { seq: 3 }])
    expect(body.messages[1]).not.toHaveProperty('body')
    await a.close()
  })

  test('is of the times of membership, and so are its edges and the places one can jump to', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob])
    const a = await join(url, alice)
    const members = (method: 'POST' | 'DELETE') =>
      method === 'POST'
        ? call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [carl] })
        : call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${carl}`)
    const [before] = await write(a, id, 2)
    await members('POST')
    const [during] = await write(a, id, 2)
    await members('DELETE')
    const [between] = await write(a, id, 2)
    expect(await page(carl, id, 'limit=1')).toBe('… 4')
    expect((await ask(carl, id, '')).body).toMatchObject({ unread: 2, firstUnreadSeq: 3 })
    await members('POST')
    await write(a, id, 1)
    expect(await page(carl, id, '')).toBe('3 4 7')
    expect(await page(carl, id, 'after=3&limit=1')).toBe('… 4 …')
    expect(await page(carl, id, 'before=7')).toBe('3 4 …')
    expect(await page(carl, id, `around=${during}&limit=1`)).toBe('3 …')
    for (const hidden of [before, between, 'f'.repeat(64)]) {
      expect(await ask(carl, id, `around=${hidden}`)).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      })
    }
    await a.close()
  })

  test('is asked for with at most one place and within limits', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'direct', [bob])
    for (const query of [
      'before=1&after=2',
      'around=1&before=1',
      'around=here',
      `around=${'G'.repeat(64)}`,
      'around=-1',
      'before=1.5',
      'after=2147483648',
      'limit=0',
      'limit=201',
      'limit=all',
    ]) {
      expect(await ask(alice, id, query), query).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
    }
    expect(await ask(carl, id, '')).toMatchObject({ status: 403, body: { code: 'not_member' } })
    expect(await ask(carl, crypto.randomUUID(), '')).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
  })
})

describe('message info', () => {
  test('shows each person who was there when and on which devices it arrived, and when it was read', async () => {
    const [alice, bob, carl, dora] = people('alice', 'bob', 'carl', 'dora') as [
      string,
      string,
      string,
      string,
    ]
    const id = await begin(url, alice, 'group', [bob, carl])
    const a = await join(url, alice)
    const [phone, laptop] = [
      await join(url, bob, { device: 'phone' }),
      await join(url, bob, { device: 'laptop' }),
    ]
    const c = await join(url, carl)
    const sent = await a.say(id, 'one')
    await call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [dora] })
    const acknowledge = async (chat: Chat, t: 'delivered' | 'read') => {
      const ref = `${t} ${chat.deviceId}`
      chat.send({ t, ref, conversationId: id, upTo: 1 })
      return (await chat.get({ ref })).at as number
    }
    const onPhone = await acknowledge(phone, 'delivered')
    const onLaptop = await acknowledge(laptop, 'delivered')
    const read = await acknowledge(laptop, 'read')
    const atCarls = await acknowledge(c, 'delivered')
    await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${carl}`)

    const path = `/v1/conversations/${id}/messages/1/receipts`
    const { body } = await call(url, alice, 'GET', path)
    expect(body).toMatchObject({ conversationId: id, seq: 1, messageId: sent.messageId, sentAt: sent.at })
    expect(body.receipts).toEqual([
      {
        userId: bob,
        member: true,
        deliveredAt: onPhone,
        devices: [
          { deviceId: 'phone', deliveredAt: onPhone },
          { deviceId: 'laptop', deliveredAt: onLaptop },
        ],
        readAt: read,
        readDeviceId: 'laptop',
      },
      {
        userId: carl,
        member: false,
        deliveredAt: atCarls,
        devices: [{ deviceId: 'default', deliveredAt: atCarls }],
        readAt: null,
        readDeviceId: null,
      },
    ])
    // Any member who can read the message may ask; whoever came later or has left may not.
    expect((await call(url, bob, 'GET', path)).body).toEqual(body)
    expect(await call(url, dora, 'GET', path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await call(url, carl, 'GET', path)).toMatchObject({ status: 403, body: { code: 'not_member' } })
    expect((await call(url, alice, 'GET', `/v1/conversations/${id}/messages/2/receipts`)).status).toBe(404)
    await Promise.all([a, phone, laptop, c].map((chat) => chat.close()))
  })
})

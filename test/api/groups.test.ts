/** Who is in a group, and what each of them is told: while they are there, once they were away, and of their own coming and going. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, type Frame, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

describe('a group', () => {
  test('of 1,024 people is started, written to and read by all of them; one more is too many', async () => {
    const members = Array.from({ length: 1023 }, (_, i) => `member-${i}`)
    const id = await begin(url, 'host', 'group', members)
    const host = await join(url, 'host')
    const some = await Promise.all(members.slice(0, 40).map((member) => join(url, member)))
    await host.say(id, 'welcome, all of you')
    await Promise.all(some.map((member) => member.get({ t: 'message', conversationId: id, seq: 1 })))
    for (const member of some) member.send({ t: 'read', conversationId: id, upTo: 1 })
    await expect
      .poll(() => new Set(host.all({ t: 'receipt', kind: 'read' }).map(({ userId }) => userId)).size)
      .toBe(40)
    expect(
      await call(url, 'host', 'POST', `/v1/conversations/${id}/members`, { userIds: ['late'] }),
    ).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
    expect(
      await call(url, 'host', 'POST', '/v1/conversations', { kind: 'group', members: [...members, 'late'] }),
    ).toMatchObject({ status: 413, body: { code: 'too_large' } })
    await Promise.all([host, ...some].map((chat) => chat.close()))
  })

  test('tells its members who comes and goes; who comes sees nothing from before, who goes gets nothing more', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob])
    const [a, b, c] = [await join(url, alice), await join(url, bob), await join(url, carl)]
    await a.say(id, 'before carl')
    await call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [carl] })
    expect(await c.get({ t: 'conversation' })).toMatchObject({
      conversationId: id,
      kind: 'group',
      lastSeq: 1,
    })
    expect(await b.get({ t: 'member', change: 'added' })).toMatchObject({ userId: carl, by: alice })
    await a.say(id, 'with carl')
    await c.get({ t: 'message', seq: 2 })
    expect((await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${carl}`)).status).toBe(204)
    expect(await c.get({ t: 'member', change: 'removed' })).toMatchObject({ userId: carl, by: alice })
    await a.say(id, 'without carl')
    await b.get({ t: 'message', seq: 3 })
    expect(c.all({ t: 'message' }).map(({ seq }) => seq)).toEqual([2])
    const kept = await call(url, carl, 'GET', `/v1/conversations/${id}/messages`)
    expect(kept.body.messages.map(({ seq }: { seq: number }) => seq)).toEqual([2])
    expect(await call(url, carl, 'GET', `/v1/conversations/${id}`)).toMatchObject({ status: 403 })
    await Promise.all([a.close(), b.close(), c.close()])
  })

  test('tells whoever is added by whom, the same on a socket, by a long poll, and once they are back', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob])
    const live = await join(url, carl, { device: 'live' })
    const sync = async (query = ''): Promise<Frame[]> =>
      (await call(url, carl, 'GET', `/v1/sync?device=polled${query}`)).body.frames
    const { position } = (await call(url, carl, 'GET', '/v1/sync?device=polled')).body
    const waiting = sync(`&after=${position}&wait=20`)
    await call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [carl] })
    await live.get({ t: 'member', change: 'added' })
    const told = live.frames.filter(({ conversationId }) => conversationId === id)
    expect(told).toMatchObject([
      { t: 'conversation', memberCount: 3 },
      { t: 'member', userId: carl, change: 'added', by: alice },
    ])
    const ofIt = (frames: readonly Frame[]) => frames.filter(({ conversationId }) => conversationId === id)
    expect(ofIt(await waiting)).toEqual(told)
    const back = await join(url, carl, { device: 'back' })
    expect(ofIt(back.frames)).toEqual(told)
    // Who began it, or was in it from the beginning, was added by nobody.
    const founder = await join(url, bob, { device: 'back' })
    expect(ofIt(founder.frames).map(({ t }) => t)).toEqual(['conversation'])
    await Promise.all([live.close(), back.close(), founder.close()])
  })

  test('tells whoever was away while they were removed what was said in their time, and then, last, of the leaving', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob, carl])
    await (await join(url, carl)).close()
    const a = await join(url, alice)
    const { messageId } = await a.say(id, 'one')
    await a.say(id, 'two')
    a.send({ t: 'delete', ref: 'gone', conversationId: id, messageId })
    await a.get({ ref: 'gone' })
    await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${carl}`)
    await a.say(id, 'three')
    const c = await join(url, carl)
    const told = c.frames
      .filter(({ t }) => t !== 'welcome' && t !== 'live')
      .map(({ t, change, seq }) => `${change ?? t}${seq ? ` ${seq}` : ''}`)
    expect(told).toEqual(['message 1', 'message 2', 'deleted 1', 'removed'])
    await Promise.all([a.close(), c.close()])
  })

  test('gives whoever was removed and added again while they were away what was said in both of their times', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'group', [bob, people('other')[0] as string])
    const [a, first] = [await join(url, alice), await join(url, bob)]
    await a.say(id, '1')
    first.send({ t: 'delivered', ref: 1, conversationId: id, upTo: 1 })
    await first.get({ ref: 1 })
    await first.close()
    const members = `/v1/conversations/${id}/members`
    await a.say(id, '2, in the first time')
    await call(url, alice, 'DELETE', `${members}/${bob}`)
    await a.say(id, '3, without bob')
    await call(url, alice, 'POST', members, { userIds: [bob] })
    await a.say(id, '4, in the second time')

    const seqs = (frames: readonly { t?: string; seq?: number }[]) =>
      frames.filter(({ t }) => t === 'message').map(({ seq }) => seq)
    const polled = await call(url, bob, 'GET', '/v1/sync')
    expect(seqs(polled.body.frames)).toEqual([2, 4])
    const back = await join(url, bob)
    expect(seqs(back.frames)).toEqual([2, 4])
    // Whoever acknowledges each is told that it is known, and what came before the second time is no fact of it.
    for (const upTo of [2, 4]) back.send({ t: 'read', ref: `up to ${upTo}`, conversationId: id, upTo })
    const before = await back.get({ ref: 'up to 2' })
    expect(before).toMatchObject({ t: 'receipt', upTo: 2 })
    expect(before.at).toBeGreaterThan(Date.now() - 60_000)
    expect(await back.get({ ref: 'up to 4' })).toMatchObject({ t: 'receipt', upTo: 4 })
    const again = await call(url, bob, 'GET', '/v1/sync')
    expect(seqs(again.body.frames)).toEqual([])
    await Promise.all([a.close(), back.close()])
  })

  test('shows ticks by those who were there and still are', async () => {
    const [alice, bob, carl, dora] = people('alice', 'bob', 'carl', 'dora') as [
      string,
      string,
      string,
      string,
    ]
    const id = await begin(url, alice, 'group', [bob, carl])
    const [a, b, c] = [await join(url, alice), await join(url, bob), await join(url, carl)]
    await a.say(id, 'for bob and carl')
    const ticks = async () => {
      const { body } = await call(url, alice, 'GET', `/v1/conversations/${id}/messages`)
      return body.messages.map((message: { ticks: string }) => message.ticks)
    }
    expect(await ticks()).toEqual(['sent'])
    b.send({ t: 'read', ref: 1, conversationId: id, upTo: 1 })
    await b.get({ ref: 1 })
    expect(await ticks()).toEqual(['sent'])
    c.send({ t: 'delivered', ref: 1, conversationId: id, upTo: 1 })
    await c.get({ ref: 1 })
    expect(await ticks()).toEqual(['delivered'])
    await call(url, alice, 'POST', `/v1/conversations/${id}/members`, { userIds: [dora] })
    expect(await ticks()).toEqual(['delivered'])
    await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${carl}`)
    expect(await ticks()).toEqual(['read'])
    const info = await call(url, alice, 'GET', `/v1/conversations/${id}/messages/1/receipts`)
    expect(info.body.receipts).toMatchObject([
      { userId: bob, member: true, deliveredAt: expect.any(Number), readAt: expect.any(Number) },
      { userId: carl, member: false, deliveredAt: expect.any(Number), readAt: null },
    ])
    await Promise.all([a.close(), b.close(), c.close()])
  })

  test('lets only admins change it, and everybody leave', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'group', [bob])
    expect(await call(url, bob, 'POST', `/v1/conversations/${id}/members`, { userIds: ['x'] })).toMatchObject(
      {
        status: 403,
        body: { code: 'forbidden' },
      },
    )
    expect((await call(url, bob, 'DELETE', `/v1/conversations/${id}/members/${bob}`)).status).toBe(204)
    expect((await call(url, bob, 'DELETE', `/v1/conversations/${id}/members/${bob}`)).status).toBe(403)
  })
})

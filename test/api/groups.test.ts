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

describe('an admin', () => {
  const change = (url: string, by: string, id: string, path: string, body: object) =>
    call(url, by, 'PATCH', `/v1/conversations/${id}${path}`, body)

  test('new roles and titles reach everybody in it, at once or when they come back', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob, carl])
    const away = await join(url, carl)
    const { position } = await away.get({ t: 'live' })
    away.send({ t: 'ack', position })
    await away.close()
    // What is kept is written once a second.
    const keptByCarl = async () => {
      const chat = await join(url, carl)
      await chat.close()
      return (await chat.get({ t: 'welcome' })).position
    }
    await expect.poll(keptByCarl, { timeout: 20_000, interval: 250 }).toBe(position)
    const [a, b] = [await join(url, alice), await join(url, bob)]

    expect(await change(url, alice, id, '', { title: 'Friday 🎬' })).toMatchObject({
      status: 200,
      body: { conversationId: id, title: 'Friday 🎬' },
    })
    const named = { conversationId: id, change: 'renamed', title: 'Friday 🎬', by: alice, kind: 'group' }
    expect(await b.get({ t: 'conversation', change: 'renamed' })).toMatchObject(named)
    expect(await change(url, alice, id, `/members/${bob}`, { role: 'admin' })).toMatchObject({ status: 200 })
    const promoted = { conversationId: id, userId: bob, role: 'admin', by: alice }
    expect(await a.get({ t: 'member', change: 'role' })).toMatchObject(promoted)
    expect(await b.get({ t: 'member', change: 'role' })).toMatchObject(promoted)

    const c = await join(url, carl)
    expect(await c.get({ t: 'conversation', change: 'renamed' })).toMatchObject({ ...named, memberCount: 3 })
    expect(await c.get({ t: 'member', change: 'role' })).toMatchObject(promoted)

    // Asked again, it is so already, and nobody hears of it twice.
    await change(url, alice, id, '', { title: 'Friday 🎬' })
    await change(url, bob, id, `/members/${bob}`, { role: 'admin' })
    expect(await change(url, bob, id, '', { title: null })).toMatchObject({ status: 200 })
    await b.get((frame) => frame.t === 'conversation' && frame.change === 'renamed' && !('title' in frame))
    expect(b.all({ t: 'conversation', change: 'renamed' })).toHaveLength(2)
    expect(b.all({ t: 'member', change: 'role' })).toHaveLength(1)
    expect((await call(url, bob, 'GET', `/v1/conversations/${id}`)).body).not.toHaveProperty('title')
    await Promise.all([a.close(), b.close(), c.close()])
  })

  test('who is the last and leaves makes the one who is there longest an admin; who wants to stay must name one', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob, carl])
    const c = await join(url, carl)
    expect(await change(url, alice, id, `/members/${alice}`, { role: 'member' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect((await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${alice}`)).status).toBe(204)
    await c.get({ t: 'member', change: 'removed', userId: alice })
    expect(c.all({ t: 'member' })).toMatchObject([
      { change: 'role', userId: bob, role: 'admin', by: alice },
      { change: 'removed', userId: alice },
    ])
    expect((await change(url, bob, id, '', { title: 'mine now' })).status).toBe(200)
    // She keeps the name that she knew: none.
    const { body } = await call(url, alice, 'GET', '/v1/inbox')
    expect(body.conversations).toMatchObject([{ conversationId: id, member: false, title: null }])
    await c.close()
  })

  test('is asked for what makes sense, and nobody else is obeyed', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob])
    const pair = await begin(url, alice, 'direct', [bob])
    const member = `/members/${bob}`
    const refused: [string, string, string, object, number, string][] = [
      [bob, id, '', { title: 'x' }, 403, 'forbidden'],
      [bob, id, member, { role: 'admin' }, 403, 'forbidden'],
      [carl, id, '', { title: 'x' }, 403, 'not_member'],
      [alice, id, `/members/${carl}`, { role: 'admin' }, 404, 'not_found'],
      [alice, id, member, { role: 'king' }, 400, 'bad_frame'],
      [alice, id, '', {}, 400, 'bad_frame'],
      [alice, id, '', { title: '' }, 400, 'bad_frame'],
      [alice, id, '', { title: 7 }, 400, 'bad_frame'],
      [alice, id, '', { title: 'x\0' }, 400, 'bad_frame'],
      [alice, id, '', { title: 'ü'.repeat(257) }, 413, 'too_large'],
      [alice, pair, '', { title: 'us' }, 409, 'conflict'],
      [alice, pair, member, { role: 'admin' }, 409, 'conflict'],
      [alice, crypto.randomUUID(), '', { title: 'x' }, 404, 'not_found'],
    ]
    for (const [by, conversation, path, body, status, code] of refused) {
      expect(await change(url, by, conversation, path, body), JSON.stringify(body)).toMatchObject({
        status,
        body: { code },
      })
    }
    expect((await change(url, alice, id, '', { title: '🎬'.repeat(256) })).status).toBe(200)
  })
})

describe('the inbox', () => {
  test('shows conversations newest first, with unread counts and the ticks of the last own message', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const withBob = await begin(url, alice, 'direct', [bob])
    const withCarl = await begin(url, alice, 'direct', [carl])
    const [a, b, c] = [await join(url, alice), await join(url, bob), await join(url, carl)]
    await a.say(withBob, 'question')
    const second = await b.say(withBob, 'answer')
    await b.say(withBob, 'and more')
    b.send({ t: 'read', ref: 1, conversationId: withBob, upTo: 1 })
    await b.get({ ref: 1 })
    await c.say(withCarl, 'hi')
    const { body } = await call(url, alice, 'GET', '/v1/inbox')
    expect(body.conversations).toMatchObject([
      {
        conversationId: withCarl,
        peerId: carl,
        unread: 1,
        lastMessage: { body: { text: 'hi' } },
        lastOwnMessage: null,
      },
      {
        conversationId: withBob,
        peerId: bob,
        unread: 2,
        earliestUnreadAt: second.at,
        lastMessage: { seq: 3, senderId: bob },
        lastOwnMessage: { seq: 1, ticks: 'read' },
      },
    ])
    const page = await call(url, alice, 'GET', '/v1/inbox?limit=1')
    expect(page.body.conversations).toHaveLength(1)
    const next = await call(url, alice, 'GET', `/v1/inbox?limit=1&after=${page.body.next}`)
    expect(next.body.conversations).toMatchObject([{ conversationId: withBob }])
    expect(next.body.next).toBeUndefined()
    await Promise.all([a.close(), b.close(), c.close()])
  })
})

/** What the admins of a group may do with its title and its roles, and who hears of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

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

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, type Chat, call, createCast, join, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let urls: readonly [string, string]
let url: string
let ledger: pg.Pool

beforeAll(async () => {
  system = await startSystem({ apiNodes: 2 })
  urls = system.urls as unknown as [string, string]
  url = urls[0]
  ledger = new pg.Pool({ connectionString: system.database.url, max: 2 })
  ledger.on('error', () => {})
})
afterAll(async () => {
  await ledger.end()
  await system.stop()
})

const people = createCast()
const PATIENCE = { timeout: 20_000 }

/** What a watcher was told of somebody, in order. */
const told = (chat: Chat, userId: string) => chat.all({ t: 'presence', userId }).map(({ online }) => online)

const presenceOf = async (viewer: string, userId: string, at = url) =>
  (await call(at, viewer, 'GET', `/v1/users/${userId}/presence`)).body

/** The facts of a person, as the ledger holds them. */
async function factsOf(userId: string) {
  const { rows } = await ledger.query<{ type: string; data: Record<string, unknown> }>(
    'SELECT type, data FROM ledger.events WHERE stream = $1 ORDER BY revision',
    [`user-${userId}`],
  )
  return rows
}
const typesOf = async (userId: string) => (await factsOf(userId)).map(({ type }) => type)

test('somebody who did something while a clock was an hour ahead was last seen now, not in the future', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  await begin(url, alice, 'direct', [bob])
  const b = await join(url, bob)
  b.send({ t: 'active' })
  await b.close()
  const setAhead = `UPDATE read.last_seen SET at = at + 3600000 WHERE user_id = $1`
  await expect.poll(async () => (await ledger.query(setAhead, [bob])).rowCount, PATIENCE).toBe(1)
  const { lastSeen } = await presenceOf(alice, bob)
  expect(lastSeen).toBeLessThanOrEqual(Date.now())
  expect(lastSeen).toBeGreaterThan(Date.now() - 600_000)
})

describe('who watches', () => {
  test('is told the current state, then each change once, on whichever node it happens', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    await begin(url, alice, 'group', [bob, carl])
    const a = await join(url, alice)
    const b = await join(url, bob)
    a.send({ t: 'watch', userIds: [bob, carl] })
    expect(await a.get({ t: 'presence', userId: bob })).toMatchObject({
      online: true,
      lastSeen: expect.any(Number),
    })
    expect(await a.get({ t: 'presence', userId: carl })).toMatchObject({ online: false, lastSeen: null })
    const c = await join(urls[1], carl)
    await a.get({ t: 'presence', userId: carl, online: true })
    await Promise.all([b.close(), c.close()])
    await a.get({ t: 'presence', userId: bob, online: false })
    await expect.poll(() => told(a, carl), PATIENCE).toEqual([false, true, false])
    expect(told(a, bob)).toEqual([true, false])
    await a.close()
  })

  test('is told nothing of strangers, neither now nor when they come', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(url, bob)]
    a.send({ t: 'watch', userIds: [carl, bob, 'nobody-at-all'] })
    await a.get({ t: 'presence', userId: bob })
    const c = await join(url, carl)
    await b.close()
    await a.get({ t: 'presence', userId: bob, online: false })
    expect(told(a, carl)).toEqual([])
    expect((await call(url, alice, 'GET', `/v1/users/${carl}/presence`)).status).toBe(403)
    expect((await call(url, alice, 'GET', '/v1/users/nobody-at-all/presence')).status).toBe(403)
    // One has oneself in common with oneself.
    expect(await presenceOf(carl, carl)).toMatchObject({ online: true })
    await Promise.all([a.close(), c.close()])
  })

  test('is told from the moment on which a conversation is shared, and no longer than it is', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const a = await join(url, alice)
    const b = await join(url, bob)
    a.send({ t: 'watch', userIds: [bob] })
    const id = await begin(urls[1], carl, 'group', [alice, bob])
    await a.get({ t: 'presence', userId: bob, online: true }, 20_000)
    expect((await call(urls[1], carl, 'DELETE', `/v1/conversations/${id}/members/${bob}`)).status).toBe(204)
    await a.get({ t: 'member', change: 'removed', userId: bob })
    await b.close()
    await expect.poll(async () => (await typesOf(bob)).at(-1), PATIENCE).toBe('DeviceDisconnected')
    const again = await join(url, bob)
    // Whoever is still shared is told of the same moment.
    a.send({ t: 'watch', userIds: [bob, alice] })
    await a.get({ t: 'presence', userId: alice })
    expect(told(a, bob)).toEqual([true])
    await Promise.all([a.close(), again.close()])
  })

  test('hears of a person with several devices when the first comes and when the last goes', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    a.send({ t: 'watch', userIds: [bob] })
    await a.get({ t: 'presence', userId: bob, online: false })
    const phone = await join(url, bob, { device: 'phone' })
    await a.get({ t: 'presence', userId: bob, online: true })
    const laptop = await join(urls[1], bob, { device: 'laptop' })
    await phone.close()
    await expect.poll(async () => typesOf(bob), PATIENCE).toContain('DeviceDisconnected')
    expect(await presenceOf(alice, bob)).toMatchObject({ online: true })
    expect(told(a, bob)).toEqual([false, true])
    await laptop.close()
    await expect.poll(() => told(a, bob), PATIENCE).toEqual([false, true, false])
    await a.close()
  })

  test('replaces the list with each watch, and is refused more than 500 people', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    await begin(url, alice, 'group', [bob, carl])
    const a = await join(url, alice)
    a.send({ t: 'watch', userIds: [bob] })
    await a.get({ t: 'presence', userId: bob })
    a.send({ t: 'watch', userIds: Array.from({ length: 501 }, (_, n) => `x${n}`) })
    expect(await a.get({ t: 'error' })).toMatchObject({ code: 'too_large' })
    a.send({ t: 'watch', userIds: [carl] })
    await a.get({ t: 'presence', userId: carl })
    const [b, c] = [await join(url, bob), await join(url, carl)]
    await a.get({ t: 'presence', userId: carl, online: true })
    expect(told(a, bob)).toEqual([false])
    await Promise.all([a.close(), b.close(), c.close()])
  })

  test('is told of somebody who comes and goes quickly at most once a second, and the last state arrives', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    await begin(url, alice, 'direct', [bob])
    const a = await join(url, alice)
    a.send({ t: 'watch', userIds: [bob] })
    await a.get({ t: 'presence', userId: bob })
    const since = performance.now()
    for (let n = 0; n < 20; n++) {
      const b = await join(urls[n % 2] as string, bob, { hasty: true })
      await b.close()
    }
    await expect.poll(async () => (await presenceOf(alice, bob)).online, PATIENCE).toBe(false)
    const last = await join(url, bob)
    await expect.poll(() => told(a, bob).at(-1), PATIENCE).toBe(true)
    const seconds = (performance.now() - since) / 1000
    expect(told(a, bob).length).toBeLessThanOrEqual(Math.ceil(seconds) + 2)
    await Promise.all([a.close(), last.close()])
  })
})

describe('last seen', () => {
  test('moves on what the person does, and never on what the device does by itself', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [a, b] = [await join(url, alice), await join(urls[1], bob)]
    await a.say(id, 'hello')
    const seen = async (): Promise<number> => (await presenceOf(alice, bob)).lastSeen
    const opened = await seen()
    expect(opened).toBeGreaterThan(0)
    b.send([
      { t: 'delivered', ref: 'd', conversationId: id, upTo: 1 },
      { t: 'watch', userIds: [alice] },
      { t: 'ack', position: '0' },
      { t: 'ping' },
    ])
    await b.get({ ref: 'd' })
    await b.get({ t: 'pong' })
    expect(await seen()).toBe(opened)
    let before = opened
    const moving = [
      { t: 'active' },
      { t: 'typing', conversationId: id },
      { t: 'read', conversationId: id, upTo: 1 },
      textFrame(b, id, 'hi'),
    ]
    for (const frame of moving) {
      b.send(frame)
      await expect.poll(seen, PATIENCE).toBeGreaterThan(before)
      before = await seen()
    }
    await b.close()
    await expect.poll(async () => (await presenceOf(alice, bob)).online, PATIENCE).toBe(false)
    expect(await seen()).toBe(before)
    await a.close()
  })

  test('is a fact at most once a minute, and connections are facts that begin and end once', async () => {
    const [alice, bob] = people('alice', 'bob') as [string, string]
    const id = await begin(url, alice, 'direct', [bob])
    const [phone, laptop] = [
      await join(url, bob, { device: 'phone' }),
      await join(urls[1], bob, { device: 'laptop' }),
    ]
    for (const chat of [phone, laptop, phone, laptop]) await chat.say(id, 'busy')
    const again = await join(urls[1], bob, { device: 'phone' })
    expect((await phone.closed).code).toBe(4409)
    await Promise.all([laptop.close(), again.close()])
    await expect
      .poll(async () => (await typesOf(bob)).filter((type) => type === 'DeviceDisconnected').length, PATIENCE)
      .toBe(3)
    const facts = await factsOf(bob)
    expect(facts.filter(({ type }) => type === 'UserSeen')).toHaveLength(1)
    const connected = facts
      .filter(({ type }) => type === 'DeviceConnected')
      .map(({ data }) => data.connection)
    const ended = facts.filter(({ type }) => type === 'DeviceDisconnected').map(({ data }) => data.connection)
    expect(new Set(connected).size).toBe(3)
    expect([...ended].sort()).toEqual([...connected].sort())
  })
})

describe('typing', () => {
  test('is told to the other members who are online, on both nodes, at most once in 3 s, and is no fact', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob, carl])
    const [a, b, c] = [await join(url, alice), await join(url, bob), await join(urls[1], carl)]
    const since = performance.now()
    // A machine that is busy just now drops some.
    await expect
      .poll(() => {
        a.send({ t: 'typing', conversationId: id })
        return [b, c].every((chat) => chat.all({ t: 'typing' }).length > 0)
      }, PATIENCE)
      .toBe(true)
    for (let n = 0; n < 20; n++) a.send({ t: 'typing', conversationId: id })
    await a.say(id, 'done')
    await Promise.all([b.get({ t: 'message' }), c.get({ t: 'message' })])
    const most = 1 + Math.floor((performance.now() - since) / 3000)
    for (const chat of [b, c]) {
      expect(chat.all({ t: 'typing' }).length).toBeLessThanOrEqual(most)
      expect(chat.all({ t: 'typing' })[0]).toEqual({ t: 'typing', conversationId: id, userId: alice })
    }
    expect(a.all({ t: 'typing' })).toEqual([])
    const { rows } = await ledger.query(`SELECT DISTINCT type FROM ledger.events WHERE type ~* 'typing'`)
    expect(rows).toEqual([])
    await Promise.all([a.close(), b.close(), c.close()])
  })

  test('is refused to strangers and to former members, and none of theirs is told', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const id = await begin(url, alice, 'group', [bob])
    const [a, b, c] = [await join(url, alice), await join(urls[1], bob), await join(url, carl)]
    const refusals = (chat: Chat) => chat.all({ t: 'error' }).map(({ code }) => code)
    const refused = (chat: Chat, conversationId: string) =>
      expect.poll(() => {
        chat.send({ t: 'typing', conversationId })
        return refusals(chat).at(-1)
      }, PATIENCE)
    await refused(c, id).toBe('not_member')
    await refused(c, '0190a1b2-0000-7000-8000-00000000dead').toBe('not_found')
    await call(url, alice, 'DELETE', `/v1/conversations/${id}/members/${bob}`)
    await b.get({ t: 'member', change: 'removed' })
    await refused(b, id).toBe('not_member')
    expect(a.all({ t: 'typing' })).toEqual([])
    await Promise.all([a.close(), b.close(), c.close()])
  })
})

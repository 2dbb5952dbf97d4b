import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, call, createCast, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let urls: readonly [string, string]
let url: string
beforeAll(async () => {
  system = await startSystem({ apiNodes: 2 })
  urls = system.urls as unknown as [string, string]
  url = urls[0]
})
afterAll(() => system.stop())

const people = createCast()
const hide = (who: string, what: object, at = url) => call(at, who, 'PUT', '/v1/me/privacy', what)

async function seenBy(who: string, id: string) {
  const [page, inbox, info] = [
    await call(url, who, 'GET', `/v1/conversations/${id}/messages`),
    await call(url, who, 'GET', '/v1/inbox'),
    await call(url, who, 'GET', `/v1/conversations/${id}/messages/1/receipts`),
  ]
  const entry = inbox.body.conversations.find(
    ({ conversationId }: { conversationId: string }) => conversationId === id,
  )
  const readAt = info.body.receipts.map((receipt: { readAt: number | null }) => receipt.readAt !== null)
  return { ticks: page.body.messages[0].ticks, inbox: entry.lastOwnMessage?.ticks, readAt }
}

test('who hides what they read shows it to nobody, on no node, and is not shown that of others', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  const id = await begin(url, alice, 'direct', [bob])
  // On the other node than bob's socket is.
  const a = await join(url, alice)
  const b = await join(urls[1], bob)
  expect((await hide(bob, { readReceipts: 'hidden' })).body).toEqual({
    lastSeen: 'shared',
    readReceipts: 'hidden',
  })
  await expect
    .poll(async () => (await call(urls[1], bob, 'GET', '/v1/me/privacy')).body.readReceipts)
    .toBe('hidden')
  await a.say(id, 'for bob')
  b.send({ t: 'read', ref: 1, conversationId: id, upTo: 1 })
  await b.get({ ref: 1 })
  await a.get({ t: 'receipt', kind: 'delivered', userId: bob })
  expect(await seenBy(alice, id)).toEqual({ ticks: 'delivered', inbox: 'delivered', readAt: [false] })

  // Reciprocal: bob is not shown that alice has read.
  await b.say(id, 'for alice')
  a.send({ t: 'read', ref: 2, conversationId: id, upTo: 2 })
  await a.get({ ref: 2 })
  await b.get({ t: 'receipt', kind: 'delivered', userId: alice })
  // Somebody who comes back is shown no more than who was there.
  const again = await join(url, alice, { device: 'other' })
  const bobAgain = await join(url, bob, { device: 'other' })
  const readings = [a, again].flatMap((chat) => chat.all({ t: 'receipt', kind: 'read', userId: bob }))
  const hers = [b, bobAgain].flatMap((chat) => chat.all({ t: 'receipt', kind: 'read', userId: alice }))
  expect([readings, hers]).toEqual([[], []])
  const { body } = await call(url, bob, 'GET', `/v1/conversations/${id}/messages/2/receipts`)
  expect(body.receipts).toMatchObject([{ userId: alice, readAt: null }])
  // One's own reading is no secret to oneself.
  const own = await call(url, bob, 'GET', `/v1/conversations/${id}/messages/1/receipts`)
  expect(own.body.receipts).toMatchObject([{ userId: bob, readAt: expect.any(Number) }])
  // The ledger knows all the same, and so does bob: nothing is unread.
  expect((await call(url, bob, 'GET', '/v1/inbox')).body.conversations[0].readUpTo).toBe(1)
  await Promise.all([a, b, again, bobAgain].map((chat) => chat.close()))
})

test('a node that has never met a person knows what they hide before it tells of their readings', async () => {
  const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
  const id = await begin(url, alice, 'group', [bob, carl])
  await hide(bob, { readReceipts: 'hidden' })
  const a = await join(url, alice)
  await a.say(id, 'for both')
  const elsewhere = await system.startApi()
  const position = async (who: string) => (await call(url, who, 'GET', '/v1/me/privacy')).body.readReceipts
  await expect.poll(() => position(bob)).toBe('hidden')
  for (const who of [bob, carl]) {
    const frames = [{ t: 'read', ref: 1, conversationId: id, upTo: 1 }]
    await expect
      .poll(async () => (await call(elsewhere, who, 'POST', '/v1/sync', { frames })).body.frames?.[0]?.t)
      .toBe('receipt')
  }
  await a.get({ t: 'receipt', kind: 'read', userId: carl })
  expect(a.all({ t: 'receipt', kind: 'read', userId: bob })).toEqual([])
  await a.close()
})

test('in a group who hides counts for no blue tick and against none', async () => {
  const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
  const id = await begin(url, alice, 'group', [bob, carl])
  await hide(carl, { readReceipts: 'hidden' })
  const [a, b, c] = [await join(url, alice), await join(url, bob), await join(url, carl)]
  await a.say(id, 'for both')
  for (const chat of [b, c]) {
    chat.send({ t: 'delivered', ref: 0, conversationId: id, upTo: 1 })
    await chat.get({ ref: 0 })
  }
  expect((await seenBy(alice, id)).ticks).toBe('delivered')
  b.send({ t: 'read', ref: 1, conversationId: id, upTo: 1 })
  await a.get({ t: 'receipt', kind: 'read', userId: bob })
  expect(await seenBy(alice, id)).toEqual({ ticks: 'read', inbox: 'read', readAt: [true, false] })
  // But who hides it, and does not even have a message, keeps it from being blue.
  await c.close()
  await a.say(id, 'for bob, by now')
  b.send({ t: 'read', ref: 2, conversationId: id, upTo: 2 })
  await a.get({ t: 'receipt', kind: 'read', userId: bob, upTo: 2 })
  const newest = async () =>
    (await call(url, alice, 'GET', `/v1/conversations/${id}/messages?limit=1`)).body.messages[0]
  expect(await newest()).toMatchObject({ seq: 2, ticks: 'sent' })
  await Promise.all([a, b].map((chat) => chat.close()))
})

test('who hides when they were last seen is shown as online or not, and without a time; so are others to them', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  await begin(url, alice, 'direct', [bob])
  const [a, b] = [await join(url, alice), await join(urls[1], bob)]
  await hide(bob, { lastSeen: 'hidden' })
  for (const [viewer, of] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    await expect
      .poll(async () => (await call(url, viewer, 'GET', `/v1/users/${of}/presence`)).body)
      .toEqual({ userId: of, online: true, lastSeen: null })
  }
  await hide(bob, { lastSeen: 'shared' })
  await expect
    .poll(async () => (await call(urls[1], alice, 'GET', `/v1/users/${bob}/presence`)).body.lastSeen)
    .toEqual(expect.any(Number))
  expect((await hide(bob, { lastSeen: 'nobody' })).status).toBe(400)
  await Promise.all([a.close(), b.close()])
})

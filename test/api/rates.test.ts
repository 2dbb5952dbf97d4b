/** Token buckets as people meet them: over sockets and HTTP, on a system with small ones. */
import { afterEach, expect, test } from 'vitest'
import WebSocket from 'ws'
import { begin, type Chat, call, join, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string
const start = async (settings: Record<string, string>) => {
  system = await startSystem({ workers: false, settings })
  url = system.urls[0] as string
}
afterEach(() => system.stop())

/** Sends pings until one is refused, at most so many; answers how many were not. */
async function pings(chat: Chat, most = 200): Promise<number> {
  chat.send(Array.from({ length: most }, () => ({ t: 'ping' })))
  await expect.poll(() => chat.all({ t: 'pong' }).length + chat.all({ t: 'error' }).length).toBe(most)
  for (const error of chat.all({ t: 'error' })) {
    expect(error).toMatchObject({ code: 'rate_limited', retryable: true })
    expect(error.retryAfterMs).toBeGreaterThan(0)
  }
  return chat.all({ t: 'pong' }).length
}

test('a socket that asks too much is refused frame by frame, lives, and gets on after retryAfterMs', async () => {
  await start({ TRIPTICK_RATE_SOCKET: '10' })
  const chat = await join(url, 'ann')
  expect((await chat.get({ t: 'welcome' })).rate).toMatchObject({ perSecond: 10, burst: 40 })
  const through = await pings(chat)
  expect(through).toBeGreaterThanOrEqual(40)
  expect(through).toBeLessThan(200)
  const { retryAfterMs } = chat.all({ t: 'error' }).at(-1) as { retryAfterMs: number }
  await new Promise((resolve) => setTimeout(resolve, retryAfterMs))
  chat.send({ t: 'ping' })
  await expect.poll(() => chat.all({ t: 'pong' }).length).toBe(through + 1)
  await chat.close()
})

test('no type of frame costs nothing, nor gives the rest for nothing', async () => {
  await start({ TRIPTICK_RATE_SOCKET: '10', TRIPTICK_RATE_PERSON: '10' })
  for (const t of ['constructor', 'toString', '__proto__', 'send']) {
    const chat = await join(url, `who says ${t}`.replaceAll(' ', '-'))
    chat.send({ t })
    await chat.get({ t: 'error', code: 'bad_frame' })
    chat.send(Array.from({ length: 200 }, () => ({ t: 'ping' })))
    await expect.poll(() => chat.all({ t: 'pong' }).length + chat.all({ t: 'error' }).length).toBe(201)
    expect(chat.all({ t: 'error', code: 'rate_limited' }).length).toBeGreaterThan(100)
    await chat.close()
  }
})

test('a device that connects anew does not get a new bucket', async () => {
  await start({ TRIPTICK_RATE_DEVICE: '1' })
  const first = await join(url, 'ann', { device: 'phone' })
  expect(await pings(first)).toBeLessThan(40)
  await first.close()
  const second = await join(url, 'ann', { device: 'phone' })
  expect(await pings(second)).toBeLessThan(40)
  const other = await join(url, 'ann', { device: 'tablet' })
  other.send({ t: 'ping' })
  await other.get({ t: 'pong' })
  await Promise.all([second.close(), other.close()])
})

test('a person has one bucket for all devices and HTTP, and others are not concerned', async () => {
  await start({ TRIPTICK_RATE_PERSON: '1' })
  const phone = await join(url, 'ann', { device: 'phone' })
  const tablet = await join(url, 'ann', { device: 'tablet' })
  expect((await pings(phone, 50)) + (await pings(tablet, 50))).toBeLessThan(50)
  const headers = { authorization: `Bearer ${await tokenFor('ann')}` }
  // A request takes all that fits into this bucket: of two within four seconds the second is refused at the latest.
  let refused = await fetch(`${url}/v1/inbox`, { headers })
  for (let i = 0; i < 10 && refused.status !== 429; i++) refused = await fetch(`${url}/v1/inbox`, { headers })
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused.json()).toMatchObject({
    code: 'rate_limited',
    retryable: true,
    retryAfterMs: expect.any(Number),
  })
  expect(await call(url, 'bob', 'GET', '/v1/inbox')).toMatchObject({ status: 200 })
  await Promise.all([phone.close(), tablet.close()])
})

test('a send costs more than a ping', async () => {
  await start({ TRIPTICK_RATE_SOCKET: '1', TRIPTICK_RATE_PERSON: '0' })
  const id = await begin(url, 'ann', 'direct', ['bob'])
  const chat = await join(url, 'ann')
  // In one turn: between them the bucket would fill again.
  chat.send(['one', 'two', 'three'].map((text) => textFrame(chat, id, text, text)))
  expect(await chat.get({ ref: 'three' })).toMatchObject({ t: 'error', code: 'rate_limited' })
  for (const ref of ['one', 'two']) expect(await chat.get({ ref })).toMatchObject({ t: 'sent' })
  await chat.close()
})

test('a group of many costs more than one of few', async () => {
  // The request itself takes all that the bucket holds: four seconds for the people in it.
  await start({ TRIPTICK_RATE_PERSON: '2' })
  const startGroup = (by: string, size: number) => {
    const members = Array.from({ length: size }, (_, number) => `member-${number}`)
    return call(url, by, 'POST', '/v1/conversations', { kind: 'group', members })
  }
  expect(await startGroup('ann', 20)).toMatchObject({ status: 201 })
  expect(await startGroup('bob', 1000)).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
})

/** The status of an upgrade that says it comes from this address. */
async function upgrade(forwardedFor: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws?device=${Math.random()}`, 'triptick.v1', {
    headers: { authorization: `Bearer ${await tokenFor('ann')}`, 'x-forwarded-for': forwardedFor },
  })
  const status = await new Promise<number>((resolve) => {
    socket.on('open', () => resolve(101))
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) => {
      if (response.statusCode === 429) expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
      resolve(response.statusCode ?? 0)
    })
  })
  socket.terminate()
  return status
}

test('an address may open so many sockets a second, and a trusted proxy says whose address it is', async () => {
  await start({ TRIPTICK_RATE_CONNECTIONS: '1', TRIPTICK_TRUSTED_PROXIES: 'loopback, 10.0.0.0/8' })
  /** One after another, until one is refused. */
  const upgrades = async (forwardedFor: (i: number) => string) => {
    const statuses: number[] = []
    for (let i = 1; i <= 30 && statuses.at(-1) !== 429; i++) statuses.push(await upgrade(forwardedFor(i)))
    return statuses
  }
  const statuses = await upgrades(() => '203.0.113.7')
  expect(statuses.slice(0, 4)).toEqual([101, 101, 101, 101])
  expect(statuses.at(-1)).toBe(429)
  // What the client itself has written before the proxy's entry is not believed: each would have a bucket of its own.
  expect((await upgrades((i) => `198.51.100.${i}, 203.0.113.7`)).at(-1)).toBe(429)
  expect(await upgrade('203.0.113.7, 198.51.100.1')).toBe(101)
})

test('without a trusted proxy the header is not believed', async () => {
  await start({ TRIPTICK_RATE_CONNECTIONS: '1', TRIPTICK_RATE_ADDRESS: '1' })
  for (let i = 0; i < 8; i++) expect(await upgrade('203.0.113.7')).toBe(101)
})

test('requests are limited by address before anybody asks who it is', async () => {
  await start({ TRIPTICK_RATE_ADDRESS: '8', TRIPTICK_TRUSTED_PROXIES: 'loopback' })
  const status = async () =>
    (await fetch(`${url}/v1/inbox`, { headers: { 'x-forwarded-for': '2001:db8::1' } })).status
  const statuses: number[] = []
  for (let i = 0; i < 40 && statuses.at(-1) !== 429; i++) statuses.push(await status())
  expect(statuses[0]).toBe(401)
  expect(statuses.at(-1)).toBe(429)
  // Health is for load balancers, which ask often.
  const health = await fetch(`${url}/livez`, { headers: { 'x-forwarded-for': '2001:db8::1' } })
  expect(health.status).toBe(200)
})

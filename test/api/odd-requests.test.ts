/** Paths, methods, queries and heads as clients and proxies of all kinds send them: the answer has a code, or is the one that was meant. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, join } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { askingAt } from './odd-requests-kit.ts'

let system: System
let url: string
beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const { ask, written } = askingAt(() => url)
const LONGEST = 'a'.repeat(128)

test('the longest id there may be works in a path too, also where all of it is percent-encoded', async () => {
  const group = await begin(url, 'ann', 'group', [LONGEST])
  expect(await ask(`/v1/users/${LONGEST}/presence`)).toMatchObject({ status: 200, body: { userId: LONGEST } })
  expect((await ask(`/v1/users/${'%61'.repeat(128)}/presence`)).status).toBe(200)
  expect((await ask(`/v1/conversations/${group}/members/${LONGEST}`, { method: 'DELETE' })).status).toBe(204)
})

test('an id in a path that is too long, or no UTF-8, is a bad_frame', async () => {
  for (const id of ['a'.repeat(129), 'a'.repeat(5_000), '%ZZ', '%ff']) {
    const answer = await ask(`/v1/users/${id}/presence`)
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'bad_frame', status: 400, type: 'about:blank' },
    })
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
  }
})

test('a method that a path does not know is told from a path that nobody knows', async () => {
  for (const [method, path, allowed] of [
    ['DELETE', '/v1/inbox?limit=1', 'GET, HEAD'],
    ['PUT', '/v1/conversations', 'POST'],
    ['PUT', '/v1/conversations/00000000-0000-4000-8000-000000000000/members/ann', 'PATCH, DELETE'],
    ['POST', '/docs/anything', 'GET, HEAD'],
    ['POST', '/livez', 'GET, HEAD'],
  ] as const) {
    const answer = await ask(path, { method })
    expect([path, answer.status, answer.headers.get('allow')]).toEqual([path, 405, allowed])
    expect(answer.body).toMatchObject({ code: 'not_found', status: 405, title: 'Method Not Allowed' })
  }
  for (const path of ['/v1/inbox/', '/v1/members', '/v1/conversations/a/b/c/d', '/v1']) {
    const answer = await ask(path, { method: 'POST' })
    expect([path, answer.status, answer.headers.get('allow')]).toEqual([path, 404, null])
  }
})

test('a request without a Host is a bad_frame, and one that expects something odd is answered', async () => {
  const hostless = await written(['GET /livez HTTP/1.1', 'Connection: close'])
  expect(hostless).toMatch(/^HTTP\/1.1 400 /)
  expect(hostless).toContain('"code":"bad_frame"')
  expect(await written(['GET /livez HTTP/1.0'])).toContain('200 OK')
  expect(await written(['GET /livez HTTP/1.1', 'Host: here', 'Expect: cake', 'Connection: close'])).toContain(
    '200 OK',
  )
})

test('an empty value in a query is none, and a number is written in digits', async () => {
  const id = await begin(url, 'ann', 'direct', ['query'])
  const chat = await join(url, 'ann')
  await chat.say(id, 'one')
  const messages = `/v1/conversations/${id}/messages`
  for (const path of ['/v1/inbox?after=&limit=', `${messages}?before=&limit=20`, `${messages}?around=`]) {
    const { status, body } = await ask(path)
    expect([path, status, (body.conversations ?? body.messages).length > 0]).toEqual([path, 200, true])
  }
  expect((await ask('/v1/search?q=one&conversationId=&after=&limit=')).status).toBe(200)
  expect((await ask('/v1/sync?device=&after=&wait=')).status).toBe(200)
  for (const odd of [
    '?limit=0x10',
    '?before=1e1',
    '?before=%20',
    '?limit=1.5',
    '?limit=1&limit=2',
    '?limit=0',
  ]) {
    expect([odd, (await ask(`${messages}${odd}`)).status]).toEqual([odd, 400])
  }
  expect((await ask(`${messages}/0x1/receipts`)).status).toBe(400)
  await chat.close()
})

test('who is not let in is told how to ask', async () => {
  const response = await fetch(`${url}/v1/inbox`)
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  const ticket = await ask('/v1/ws-tickets', { method: 'POST' })
  expect(ticket.headers.get('cache-control')).toBe('no-store')
})

test('a Host that is none is not said to be where to connect', async () => {
  const token = await tokenFor('ann')
  const listed = async (host: string) => {
    const { hostname, port } = new URL(url)
    const headers = { host, authorization: `Bearer ${token}`, connection: 'close' }
    const asking = request({ hostname, port, path: '/v1/gateways', headers }).end()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    return JSON.parse(await text(response)).gateways.map((one: { url: string }) => one.url)
  }
  expect(await listed('chat.example:8443')).toEqual(['http://chat.example:8443'])
  expect(await listed('[::1]:80')).toEqual(['http://[::1]:80'])
  for (const odd of ['x/y?z', 'a b', 'a@b']) expect(await listed(odd)).toEqual([])
})

test('a page that may ask may read the reference too', async () => {
  const response = await fetch(`${url}/docs/openapi.json`, { headers: { origin: url } })
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, url])
})

/** Requests as clients and proxies of all kinds send them: the answer has a code, or is the one that was meant. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, call, join } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string
beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const LONGEST = 'a'.repeat(128)
const json = { 'content-type': 'application/json' }

async function ask(path: string, init: RequestInit = {}, userId = 'ann') {
  const headers = { authorization: `Bearer ${await tokenFor(userId)}`, ...init.headers }
  const response = await fetch(`${url}${path}`, { ...init, headers })
  const body = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: body === '' ? undefined : JSON.parse(body),
  }
}

/** What comes back for a request as it is written here, until the server ends the connection. */
async function written(head: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return await text(socket)
}
const UPGRADE = [
  'Host: here',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]

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

test('a WebSocket is opened at its path only: elsewhere the request is answered', async () => {
  for (const [path, status] of [
    ['/v1/users/%ZZ/presence', 400],
    ['/livez', 200],
    ['/v1/ws/', 404],
  ]) {
    const answer = await written([`GET ${path} HTTP/1.1`, ...UPGRADE, 'Connection: Upgrade, close'])
    expect([path, answer.split(' ')[1]]).toEqual([path, `${status}`])
    expect(answer).toContain(status === 200 ? 'application/json' : 'application/problem+json')
  }
})

test('an upgrade to another protocol is not taken up: the request is answered, with its body, and its connection goes on', async () => {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const connections = new Set<unknown>()
  const headers = {
    authorization: `Bearer ${await tokenFor('ann')}`,
    ...json,
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA',
  }
  for (const status of [201, 200]) {
    const asking = request({ hostname, port, agent, path: '/v1/conversations', method: 'POST', headers })
    asking.on('socket', (socket) => connections.add(socket))
    asking.end(JSON.stringify({ kind: 'direct', members: ['h2c'] }))
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    expect([response.statusCode, JSON.parse(await text(response)).kind]).toEqual([status, 'direct'])
  }
  expect(connections.size).toBe(1)
  agent.destroy()
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

test('the WebSocket without an upgrade, as behind a proxy that takes it out, says so and leaves the ticket whole', async () => {
  const headers = { 'sec-websocket-protocol': 'triptick.v1' }
  for (const method of ['GET', 'HEAD']) {
    expect((await ask('/v1/ws', { method, headers })).status).toBe(400)
  }
  expect((await fetch(`${url}/v1/ws`, { headers })).status).toBe(401)

  const { ticket } = (await call(url, 'ann', 'POST', '/v1/ws-tickets')).body
  const offered = { 'sec-websocket-protocol': `triptick.v1, ticket.${ticket}` }
  expect((await fetch(`${url}/v1/ws`, { headers: offered })).status).toBe(400)
  const chat = await join(url, 'ann', { ticket })
  await chat.close()
})

test('a handshake without a key, or of another version, is a bad_frame', async () => {
  for (const handshake of [
    ['Sec-WebSocket-Version: 13'],
    ['Sec-WebSocket-Version: 12', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='],
  ]) {
    const answer = await written([
      'GET /v1/ws HTTP/1.1',
      'Host: here',
      `Authorization: Bearer ${await tokenFor('ann')}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: triptick.v1',
      ...handshake,
    ])
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer).toContain('"code":"bad_frame"')
  }
})

test('a body is taken as it is on a socket: any key, but only UTF-8, and only numbers that JSON can say again', async () => {
  const id = await begin(url, 'ann', 'direct', ['bodies'])
  const post = async (body: string) => {
    const content = { clientAt: Date.now(), conversationId: id, deviceId: 'default', nonce: 'a'.repeat(16) }
    const canonical = `{"body":${body},"clientAt":${content.clientAt},"conversationId":"${id}","deviceId":"default","nonce":"${content.nonce}","senderId":"ann"}`
    const messageId = createHash('sha256').update(canonical).digest('hex')
    const { clientAt, deviceId, nonce } = content
    const request = `{"messageId":"${messageId}","nonce":"${nonce}","clientAt":${clientAt},"deviceId":"${deviceId}","body":${body}}`
    return await ask(`/v1/conversations/${id}/messages`, { method: 'POST', headers: json, body: request })
  }
  expect((await post('{"constructor":{"prototype":{"a":1}},"kind":"text","text":"x"}')).status).toBe(200)
  expect((await post('{"kind":"text","text":"x","z":{"__proto__":1}}')).status).toBe(200)
  expect(await post('{"kind":"text","n":1e400,"text":"x"}')).toMatchObject({
    status: 400,
    body: { code: 'bad_frame' },
  })
  expect(await post('{"kind":"text","more":"\\ud800","text":"x"}')).toMatchObject({
    status: 400,
    body: { code: 'bad_frame' },
  })
  const sound = '{"kind":"media","mediaId":"m","mime":"audio/ogg; codecs=opus","name":"a","size":1}'
  expect((await post(sound)).status).toBe(200)
  const marked = '\ufeff{"kind":"direct","members":["marked"]}'
  expect((await ask('/v1/conversations', { method: 'POST', headers: json, body: marked })).status).toBe(201)
  const latin1 = Buffer.from('{"kind":"group","members":[],"title":"caf\xe9"}', 'latin1')
  const refused = await ask('/v1/conversations', { method: 'POST', headers: json, body: latin1 })
  expect(refused).toMatchObject({ status: 400, body: { code: 'bad_frame', detail: 'the body is not UTF-8' } })
  const packed = gzipSync('{"kind":"direct","members":["packed"]}')
  const encoded = await ask('/v1/conversations', {
    method: 'POST',
    headers: { ...json, 'content-encoding': 'gzip' },
    body: packed,
  })
  expect(encoded).toMatchObject({
    status: 400,
    body: { code: 'bad_frame', detail: 'send the body as it is, without a content-encoding' },
  })
})

test('no body is no bad one where none is wanted, whatever its content type is said to be', async () => {
  const group = await begin(url, 'ann', 'group', ['ben'])
  expect((await ask('/v1/ws-tickets', { method: 'POST', headers: json })).status).toBe(201)
  const left = await ask(`/v1/conversations/${group}/members/ben`, { method: 'DELETE', headers: json })
  expect(left.status).toBe(204)
  const odd = await ask('/v1/ws-tickets', {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
  })
  expect(odd).toMatchObject({ status: 400, body: { detail: expect.stringContaining('application/json') } })
  const wanted = await ask('/v1/conversations', { method: 'POST', headers: json })
  expect(wanted).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
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

test('however long a list is, what it is over is its limit', async () => {
  const people = (count: number) => Array.from({ length: count }, (_, n) => `p${n}`)
  const post = (path: string, body: object) =>
    ask(path, { method: 'POST', headers: json, body: JSON.stringify(body) })
  const group = await begin(url, 'ann', 'group', ['ben'])
  for (const count of [1_025, 5_000]) {
    expect(await post('/v1/conversations', { kind: 'group', members: people(count) })).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
    expect(await post(`/v1/conversations/${group}/members`, { userIds: people(count) })).toMatchObject({
      status: 413,
      body: { code: 'too_large' },
    })
  }
})

test('a body that is nested without end is a bad_frame, and the process lives', async () => {
  const id = await begin(url, 'ann', 'direct', ['deep'])
  const levels = 30_000
  const body = `{"kind":"text","text":"x","z":${'['.repeat(levels)}${']'.repeat(levels)}}`
  const fields = `"conversationId":"${id}","messageId":"${'a'.repeat(64)}","nonce":"${'a'.repeat(16)}","clientAt":1`
  const chat = await join(url, 'ann', { device: 'deep' })
  chat.raw(`{"t":"send","ref":1,${fields},"body":${body}}`)
  expect(await chat.get({ ref: 1 })).toMatchObject({ t: 'error', code: 'bad_frame' })
  const message = `{"deviceId":"deep",${fields},"body":${body}}`
  const posted = await ask(`/v1/conversations/${id}/messages`, {
    method: 'POST',
    headers: json,
    body: message,
  })
  expect(posted).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
  await chat.close()
})

test('every frame that comes over HTTP is answered, however many were bad before it', async () => {
  const frames = [...Array.from({ length: 30 }, () => ({})), { t: 'ping', ref: 1 }]
  const { status, body } = await call(url, 'ann', 'POST', '/v1/sync', { frames })
  expect(status).toBe(200)
  expect(body.frames).toHaveLength(31)
  expect(body.frames.at(-1)).toMatchObject({ t: 'pong' })
})

test('an answer has the ref of its frame, whatever the frame', async () => {
  const chat = await join(url, 'ann', { device: 'refs' })
  chat.send([
    { t: 'ping', ref: 'p' },
    { t: 'typing', ref: 't', conversationId: '0190a1b2-0000-7000-8000-00000000dead' },
    { t: 'watch', ref: 'w', userIds: Array.from({ length: 501 }, (_, n) => `p${n}`) },
  ])
  expect(await chat.get({ ref: 'p' })).toMatchObject({ t: 'pong' })
  expect(await chat.get({ ref: 't' })).toMatchObject({ t: 'error', code: 'not_found' })
  expect(await chat.get({ ref: 'w' })).toMatchObject({ t: 'error', code: 'too_large' })
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

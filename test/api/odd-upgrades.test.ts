/** WebSockets, and upgrades to other protocols, as clients and proxies of all kinds ask for them. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call, join } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { askingAt, json } from './odd-requests-kit.ts'

let system: System
let url: string
beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const { ask, written } = askingAt(() => url)

const UPGRADE = [
  'Host: here',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]

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

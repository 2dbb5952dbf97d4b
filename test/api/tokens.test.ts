import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { begin, call } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string
let direct: string

beforeAll(async () => {
  system = await startSystem({ workers: false, apiNodes: 2 })
  url = system.urls[0] as string
  direct = await begin(url, 'alice', 'direct', ['bob'])
})
afterAll(() => system.stop())

describe('a token', () => {
  const upgrade = (headers: Record<string, string>, protocols = ['triptick.v1'], node = url) =>
    new Promise<number>((resolve, reject) => {
      const socket = new WebSocket(`${node.replace('http', 'ws')}/v1/ws`, protocols, { headers })
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
      socket.on('open', () => {
        socket.close()
        resolve(101)
      })
      socket.on('error', reject)
    })
  const none = async () =>
    `${btoa('{"alg":"none"}').replaceAll('=', '')}.${btoa('{"sub":"alice","exp":9999999999}').replaceAll('=', '')}.`

  const wrong: readonly (readonly [string, () => Promise<string>])[] = [
    ['that has expired', () => tokenFor('alice', { expiresInSeconds: -1 })],
    ['that somebody else signed', () => tokenFor('alice', { secret: 'x'.repeat(40) })],
    ['without signature', none],
    [
      'without expiry',
      () =>
        new SignJWT({ sub: 'alice' })
          .setProtectedHeader({ alg: 'HS256' })
          .sign(Buffer.from('a secret of at least thirty-two bytes, for tests')),
    ],
    ['for an impossible user', () => tokenFor('al ice')],
    ['with an unknown role', () => tokenFor('alice', { claims: { roles: ['god'] } })],
    ['that is garbage', async () => 'garbage'],
  ]
  test.each(wrong)('%s opens nothing', async (_name, make) => {
    const authorization = `Bearer ${await make()}`
    expect(await upgrade({ authorization })).toBe(401)
    const response = await fetch(`${url}/v1/inbox`, { headers: { authorization } })
    expect(response.status).toBe(401)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'unauthorized' })
  })

  test('that no header can hold is refused like any other problem', async () => {
    const authorization = `Bearer ${'x'.repeat(20_000)}`
    const response = await fetch(`${url}/v1/inbox`, { headers: { authorization } })
    expect(response.status).toBe(413)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'too_large', status: 413 })
    expect(await upgrade({ authorization })).toBe(413)
  })

  test('is needed everywhere but for health', async () => {
    expect(await upgrade({})).toBe(401)
    for (const path of ['/v1/inbox', `/v1/conversations/${direct}`, `/v1/conversations/${direct}/messages`]) {
      expect((await fetch(`${url}${path}`)).status).toBe(401)
    }
    for (const path of ['/livez', '/readyz', '/metrics'])
      expect((await fetch(`${url}${path}`)).status).toBe(200)
  })

  test('becomes a ticket that opens one socket once, and is not echoed', async () => {
    const { body } = await call(url, 'alice', 'POST', '/v1/ws-tickets')
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws?device=t1`, [
      'triptick.v1',
      `ticket.${body.ticket}`,
    ])
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
    expect(socket.protocol).toBe('triptick.v1')
    socket.close()
    expect(await upgrade({}, ['triptick.v1', `ticket.${body.ticket}`])).toBe(401)
    expect(await upgrade({}, ['triptick.v1', 'ticket.invented'])).toBe(401)
  })

  test('becomes a ticket that is good on another node, and of all that try it at once opens one', async () => {
    const { body } = await call(url, 'alice', 'POST', '/v1/ws-tickets')
    const tries = Array.from({ length: 8 }, (_, i) =>
      upgrade({}, ['triptick.v1', `ticket.${body.ticket}`], system.urls[(i + 1) % 2]),
    )
    expect((await Promise.all(tries)).sort()).toEqual([101, ...Array(7).fill(401)])
  })
})

/** Web pages that may ask and those that may not, over HTTP and at the upgrade. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type System, startSystem, tokenFor } from '../support/system.ts'

const OURS = 'https://chat.example'
let system: System
let url: string

beforeAll(async () => {
  system = await startSystem({
    workers: false,
    settings: { TRIPTICK_ALLOWED_ORIGINS: `${OURS}, https://staff.example` },
  })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

async function upgrade(origin: string | undefined): Promise<number> {
  const headers = {
    authorization: `Bearer ${await tokenFor('ann')}`,
    ...(origin === undefined ? {} : { origin }),
  }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, 'triptick.v1', { headers })
  return await new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
  })
}

async function inbox(
  origin: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${url}/v1/inbox`, {
    method,
    headers: {
      origin,
      ...(method === 'GET' ? { authorization: `Bearer ${await tokenFor('ann')}` } : {}),
      ...headers,
    },
  })
}
const preflight = {
  'access-control-request-method': 'PATCH',
  'access-control-request-headers': 'authorization,content-type',
}

test('a socket is opened for our pages and for programs, and refused before the upgrade to others', async () => {
  expect(await upgrade(OURS)).toBe(101)
  expect(await upgrade('https://staff.example')).toBe(101)
  expect(await upgrade(undefined)).toBe(101)
  for (const origin of ['https://evil.example', 'http://chat.example', 'null', 'http://127.0.0.1']) {
    expect(await upgrade(origin), origin).toBe(403)
  }
})

test('our pages may read the answers, also those that refuse', async () => {
  const answer = await inbox(OURS)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('access-control-allow-origin')).toBe(OURS)
  expect(answer.headers.get('vary')).toContain('origin')
  expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  const refused = await inbox(OURS, 'GET', { authorization: 'Bearer x' })
  expect(refused.status).toBe(401)
  expect(refused.headers.get('access-control-allow-origin')).toBe(OURS)
  const nowhere = await fetch(`${url}/nowhere`, { headers: { origin: OURS } })
  expect(nowhere.status).toBe(404)
  expect(nowhere.headers.get('access-control-allow-origin')).toBe(OURS)
})

test('other pages are refused, and may not even read that', async () => {
  const answer = await inbox('https://evil.example')
  expect(answer.status).toBe(403)
  expect(await answer.json()).toMatchObject({ code: 'forbidden' })
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  const made = await fetch(`${url}/v1/auth/register`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', 'content-type': 'text/plain' },
    body: '{"name":"ann","password":"correct horse"}',
  })
  expect(made.status).toBe(403)
})

test('a preflight is answered to our pages, without a token, and to no others', async () => {
  const answer = await inbox(OURS, 'OPTIONS', preflight)
  expect(answer.status).toBe(204)
  expect(answer.headers.get('access-control-allow-origin')).toBe(OURS)
  expect(answer.headers.get('access-control-allow-methods')).toContain('PATCH')
  expect(answer.headers.get('access-control-allow-headers')).toContain('authorization')
  const refused = await inbox('https://evil.example', 'OPTIONS', preflight)
  expect(refused.status).toBe(403)
  expect(refused.headers.get('access-control-allow-origin')).toBeNull()
})

test('a program, which sends no origin, is told nothing about origins', async () => {
  const answer = await fetch(`${url}/livez`)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('access-control-allow-origin')).toBeNull()
})

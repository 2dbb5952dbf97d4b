/** Asks what an example of the reference asks, as anybody. */
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import type { RouteExample } from '../../api/reference/description.ts'

export interface Answered {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

type Asked = readonly [url: string, route: string, example: RouteExample, token: string | undefined]

/**
 * Asks again while the answer is that something is behind, as after a standstill of some seconds.
 *
 * @param asked the route as `METHOD /path`; the token may be absent.
 */
export async function request(...asked: Asked): Promise<Answered> {
  for (let left = 10; ; left--) {
    const answer = await requestOnce(...asked)
    if ((answer.status !== 503 && !answer.text.includes('"upToDate":false')) || left === 0) return answer
    await sleep(1_000)
  }
}

async function requestOnce(
  ...[url, route, { params = {}, query = {}, body }, token]: Asked
): Promise<Answered> {
  const [method = '', pattern = ''] = route.split(' ')
  const target = new URL(
    pattern.replace(/:(\w+)/g, (_, name) => encodeURIComponent(params[name] ?? '')),
    url,
  )
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, String(value))
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  if (pattern === '/v1/ws') return upgrade(target, authorization)
  const response = await fetch(target, {
    method,
    headers: { ...authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    text: await response.text(),
  }
}

function upgrade(target: URL, headers: Record<string, string>): Promise<Answered> {
  target.protocol = 'ws:'
  const socket = new WebSocket(target, 'triptick.v1', { headers })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => {
      socket.close()
      resolve({ status: 101, contentType: '', text: '' })
    })
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? '',
          text,
        }),
      )
    })
  })
}

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { startHeartbeat } from '../../../api/gateway/heartbeat.ts'
import { MAX_BACKLOG_BYTES, type Session } from '../../../api/gateway/session.ts'

let server: WebSocketServer
beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
})
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

/** A real socket, with as much of a session as the heartbeat looks at. */
async function connect(options: WebSocket.ClientOptions) {
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
  const [socket] = await accepted
  const session = {
    heardAt: performance.now(),
    backlog: 0,
    close: (code: number) => socket.close(code),
    ping: () => socket.ping(),
    terminate: () => socket.terminate(),
  }
  socket.on('pong', () => {
    session.heardAt = performance.now()
  })
  const seen = { pings: 0, closedWith: 0 }
  client.on('ping', () => seen.pings++)
  client.on('close', (code) => {
    seen.closedWith = code
  })
  return { client, session: session as unknown as Session, seen }
}

test('a client that answers pings stays, one that is gone without a word is ended', async () => {
  const alive = await connect({})
  const vanished = await connect({ autoPong: false })
  // Long enough that a busy machine does not take the living for dead.
  const stop = startHeartbeat({ all: () => [alive.session, vanished.session] }, 500)
  try {
    await vi.waitFor(() => expect(vanished.seen.closedWith).toBe(1006), { timeout: 20_000 })
    expect(vanished.seen.pings).toBeGreaterThanOrEqual(2)
    await vi.waitFor(() => expect(alive.seen.pings).toBeGreaterThanOrEqual(4), { timeout: 20_000 })
    expect(alive.client.readyState).toBe(WebSocket.OPEN)
  } finally {
    stop()
    alive.client.close()
  }
})

test('a client that talks is not pinged', async () => {
  const talking = await connect({})
  const listening = await connect({})
  const stop = startHeartbeat({ all: () => [talking.session, listening.session] }, 300)
  const saying = setInterval(() => {
    ;(talking.session as { heardAt: number }).heardAt = performance.now()
  }, 5)
  try {
    await vi.waitFor(() => expect(listening.seen.pings).toBeGreaterThanOrEqual(2), { timeout: 20_000 })
    expect(talking.seen.pings).toBeLessThan(listening.seen.pings)
  } finally {
    stop()
    clearInterval(saying)
    talking.client.close()
    listening.client.close()
  }
})

test('a client that talks and leaves more than 1 MiB unread for six beats is closed with 4408, and one that reads in between is not', async () => {
  const heartbeatMs = 100
  const [never, sometimes, enough] = [await connect({}), await connect({}), await connect({})]
  const backlog = (of: typeof never, bytes: number) => {
    ;(of.session as { backlog: number }).backlog = bytes
  }
  backlog(never, MAX_BACKLOG_BYTES + 1)
  backlog(sometimes, MAX_BACKLOG_BYTES + 1)
  backlog(enough, MAX_BACKLOG_BYTES)
  let beats = 0
  const all = () => {
    backlog(sometimes, ++beats % 4 === 0 ? 0 : MAX_BACKLOG_BYTES + 1)
    return [never.session, sometimes.session, enough.session]
  }
  const began = performance.now()
  const stop = startHeartbeat({ all }, heartbeatMs)
  try {
    await vi.waitFor(() => expect(never.seen.closedWith).toBe(4408), { timeout: 20_000 })
    expect(performance.now() - began).toBeGreaterThan(6 * heartbeatMs)
    await vi.waitFor(() => expect(beats).toBeGreaterThan(16), { timeout: 20_000 })
    expect([sometimes, enough].map(({ client }) => client.readyState)).toEqual([
      WebSocket.OPEN,
      WebSocket.OPEN,
    ])
  } finally {
    stop()
    for (const { client } of [sometimes, enough]) client.close()
  }
})

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { startHeartbeat } from '../../../api/gateway/heartbeat.ts'
import { MAX_BACKLOG_BYTES, type Session } from '../../../api/gateway/session.ts'

let server: WebSocketServer
beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
})
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

const BEAT_MS = 5_000
const over = vi.fn<(session: Session) => void>()

// Real sockets on a clock that is set: a machine that stands still for some beats would take the living for dead.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** A real socket, with as much of a session as the heartbeat looks at. */
async function connect(options: WebSocket.ClientOptions) {
  const accepted = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
  const [[socket]] = await Promise.all([accepted, once(client, 'open')])
  const seen = { pings: 0, settled: Promise.resolve() as Promise<unknown> }
  const session = {
    heardAt: performance.now(),
    backlog: 0,
    close: (code: number) => socket.close(code),
    ping: () => {
      seen.settled = options.autoPong === false ? once(client, 'ping') : once(socket, 'pong')
      socket.ping()
    },
    terminate: () => socket.terminate(),
  }
  socket.on('pong', () => {
    session.heardAt = performance.now()
  })
  client.on('ping', () => seen.pings++)
  const closed = once(client, 'close').then(([code]) => code as number)
  return { client, socket, session: session as unknown as Session, seen, closed }
}

type Connected = Awaited<ReturnType<typeof connect>>

/** One beat, and its pings have come to these clients, and been answered by those who answer, before the next. */
async function beat(...clients: readonly Connected[]): Promise<void> {
  vi.advanceTimersByTime(BEAT_MS)
  await Promise.all(clients.map(({ seen }) => seen.settled))
}

test('a client that answers pings stays, one that is gone without a word is ended', async () => {
  const alive = await connect({})
  const vanished = await connect({ autoPong: false })
  const stop = startHeartbeat({ all: () => [alive.session, vanished.session] }, BEAT_MS, over)
  try {
    for (let beats = 1; beats <= 12; beats++) await beat(alive, vanished)
    expect(await vanished.closed).toBe(1006)
    expect(vanished.seen.pings).toBeGreaterThanOrEqual(2)
    expect(alive.seen.pings).toBeGreaterThanOrEqual(4)
    expect(alive.socket.readyState).toBe(WebSocket.OPEN)
  } finally {
    stop()
    alive.client.close()
  }
})

/** As if nothing had run for so long; the next beat finds it. */
function standStill(ms: number): void {
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
}

test('nobody is ended because this process stood still: who answers then stays, who does not is ended with the next beat', async () => {
  const alive = await connect({})
  const vanished = await connect({ autoPong: false })
  const stop = startHeartbeat({ all: () => [alive.session, vanished.session] }, BEAT_MS, over)
  try {
    await beat()
    standStill(5.5 * BEAT_MS)
    await beat(alive, vanished)
    expect([alive, vanished].map(({ seen }) => seen.pings)).toEqual([1, 1])
    await beat(alive)
    expect(await vanished.closed).toBe(1006)
    expect(alive.socket.readyState).toBe(WebSocket.OPEN)
  } finally {
    stop()
    alive.client.close()
  }
})

test('a node that stood still for so long that others call it lost ends its connections', async () => {
  const alive = await connect({})
  const stop = startHeartbeat({ all: () => [alive.session] }, BEAT_MS, over)
  try {
    await beat()
    standStill(7 * BEAT_MS)
    await beat()
    expect(await alive.closed).toBe(1006)
  } finally {
    stop()
  }
})

test('a client that talks is not pinged', async () => {
  const talking = await connect({})
  const listening = await connect({})
  const stop = startHeartbeat({ all: () => [talking.session, listening.session] }, BEAT_MS, over)
  const saying = setInterval(() => {
    ;(talking.session as { heardAt: number }).heardAt = performance.now()
  }, BEAT_MS / 50)
  try {
    for (let beats = 1; beats <= 6; beats++) await beat(talking, listening)
    expect(listening.seen.pings).toBeGreaterThanOrEqual(2)
    expect(talking.seen.pings).toBe(0)
  } finally {
    stop()
    clearInterval(saying)
    talking.client.close()
    listening.client.close()
  }
})

test('a client that says nothing any more because it does not read is over as soon as one that is gone, and hears 4408 if it ever reads again', async () => {
  const reading = await connect({ autoPong: false })
  const stuck = await connect({ autoPong: false })
  ;(stuck.session as { backlog: number }).backlog = MAX_BACKLOG_BYTES + 1
  over.mockClear()
  const stop = startHeartbeat({ all: () => [reading.session, stuck.session] }, BEAT_MS, over)
  try {
    for (let beats = 1; beats <= 5; beats++) await beat()
    expect([stuck.socket.readyState, over.mock.calls.length]).toEqual([WebSocket.OPEN, 0])
    await beat()
    expect(over.mock.calls).toEqual([[stuck.session]])
    expect([await reading.closed, await stuck.closed]).toEqual([1006, 4408])
  } finally {
    stop()
  }
})

test('a client that talks and leaves more than 1 MiB unread for six beats is closed with 4408, and one that reads in between is not', async () => {
  const [never, sometimes, enough] = [await connect({}), await connect({}), await connect({})]
  const backlog = (of: Connected, bytes: number) => {
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
  const stop = startHeartbeat({ all }, BEAT_MS, over)
  try {
    // It is found with the first.
    while (beats < 6) await beat(never, sometimes, enough)
    expect(never.socket.readyState).toBe(WebSocket.OPEN)
    await beat(never, sometimes, enough)
    expect(await never.closed).toBe(4408)
    while (beats <= 16) await beat(sometimes, enough)
    expect([sometimes, enough].map(({ socket }) => socket.readyState)).toEqual([
      WebSocket.OPEN,
      WebSocket.OPEN,
    ])
  } finally {
    stop()
    for (const { client } of [sometimes, enough]) client.close()
  }
})

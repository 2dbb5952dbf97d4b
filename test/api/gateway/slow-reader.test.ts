/** A reader that stops reading, on a real socket: what waits for it is bounded, and nobody else notices. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type CatchUp, type CatchUpDeps, createCatchUp } from '../../../api/gateway/catch-up.ts'
import { createHub, type Hub } from '../../../api/gateway/hub.ts'
import { MAX_BACKLOG_BYTES } from '../../../api/gateway/session.ts'
import { SocketSession } from '../../../api/gateway/socket-session.ts'
import { createTurns } from '../../../api/gateway/turns.ts'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'

const FRAME = 4096
/** Far more than the kernel takes for a loopback connection (up to some 10 MB). */
const FRAMES = 10_000

let server: WebSocketServer
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const socket of server.clients) socket.terminate()
  server.close()
})

async function connect(
  name: string,
  hub: Hub,
  catchUp: CatchUp,
): Promise<{ client: WebSocket; session: SocketSession }> {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [[socket]] = await Promise.all([once(server, 'connection'), once(client, 'open')])
  const session = new SocketSession({
    socket: socket as WebSocket,
    userId: name as UserId,
    deviceId: 'phone' as DeviceId,
    expiresAt: Number.MAX_SAFE_INTEGER,
    events: {
      scheduleFlush: hub.scheduleFlush,
      onBehind: (behind) => void catchUp.resume(behind),
      onGap: () => {},
      onResync: () => {},
      onNudge: () => {},
    },
  })
  hub.add(session)
  return { client, session }
}

test('is pushed to no more, closed with 4408 in the end, and others get everything meanwhile', async () => {
  const hub = createHub()
  const broken: unknown[] = []
  // It never gets as far as reading what was missed.
  const catchUp = createCatchUp({ report: (error: unknown) => broken.push(error) } as unknown as CatchUpDeps)
  const [slow, quick] = [await connect('slow', hub, catchUp), await connect('quick', hub, catchUp)]
  for (const { session } of [slow, quick]) {
    session.startCatchingUp()
    session.settle(1n as Position, '{"t":"live"}')
  }
  slow.client.pause()
  let received = 0
  quick.client.on('message', (data) => {
    received += String(data).split('"t":"receipt"').length - 1
  })
  let most = 0
  for (let sent = 0; sent < FRAMES; sent++) {
    const json = JSON.stringify({ t: 'receipt', x: 'x'.repeat(FRAME) })
    for (const name of ['slow', 'quick']) hub.deliver(name as UserId, { json })
    most = Math.max(most, slow.session.backlog)
    while (quick.session.backlog > MAX_BACKLOG_BYTES / 2)
      await new Promise((resolve) => setImmediate(resolve))
  }
  await expect.poll(() => received).toBe(FRAMES)
  expect(quick.session.mode).toBe('live')
  expect(slow.session.mode).not.toBe('live')
  expect(most).toBeGreaterThan(MAX_BACKLOG_BYTES / 2)
  expect(most).toBeLessThan(MAX_BACKLOG_BYTES + 2 * FRAME)

  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 31_000)
  await expect.poll(() => slow.session.mode).toBe('closed')
  const closed = once(slow.client, 'close')
  slow.client.resume()
  expect((await closed)[0]).toBe(4408)
  expect(broken).toEqual([])
}, 60_000)

const MESSAGES = 4_000
const RECEIPTS = 10_000

/** A device that missed so much that it waits on the way: of messages as of receipts more than the kernel takes. */
test.each([
  ['messages', MESSAGES, 0],
  ['receipts', 0, RECEIPTS],
])(
  'is caught up with as far as it reads, and no further: %s',
  async (_kind, messages, receipts) => {
    const moved = {
      conversationId: 'c',
      missed: messages > 0 ? [{ from: 1, to: messages }] : [],
      lastSeq: messages,
      deleted_up_to: null,
    }
    const receipt = {
      conversationId: 'c',
      userId: 'x'.repeat(FRAME),
      kind: 'read',
      upTo: 1,
      at: '1',
      position: '1',
    }
    const rows: Record<string, readonly object[]> = {
      'conversations to catch up on': [moved],
      'what else happened since': [{}],
      'receipts that a device missed': Array.from({ length: receipts }, () => receipt),
    }
    const broken: unknown[] = []
    const json = JSON.stringify({ t: 'message', x: 'x'.repeat(62 * 1024) })
    const catchUp = createCatchUp({
      pool: { query: async ({ name }: { name: string }) => ({ rows: rows[name] ?? [] }) },
      ledger: { head: async () => 1n },
      waiter: { waitFor: async () => true, reached: 1n },
      turns: createTurns(),
      // As large as pages may be: `message-pages.test.ts`.
      messagePages: async ({ from }: { from: Seq }) => ({
        messages: Array.from({ length: 9 }, (_, n) => ({
          seq: from + n,
          senderId: 'ann',
          deviceId: 'phone',
          json,
        })),
        upTo: from + 8,
      }),
      report: (error: unknown) => broken.push(error),
    } as unknown as CatchUpDeps)
    const { client, session } = await connect('slow', createHub(), catchUp)
    client.pause()
    let most = 0
    let sent = 0
    const send = session.send.bind(session)
    session.send = (frame) => {
      send(frame)
      sent++
      most = Math.max(most, session.backlog)
    }
    const run = catchUp.run(session, { kept: 0n as Position, knownFrom: 0n as Position })
    let before = -1
    // Until the kernel has taken what it takes.
    while (sent > before) {
      before = sent
      await sleep(500)
    }
    expect(session.mode).toBe('catching-up')
    expect(sent).toBeLessThan(messages + receipts)
    expect(most).toBeLessThan(MAX_BACKLOG_BYTES)
    const now = performance.now.bind(performance)
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 31_000)
    await run
    expect(session.mode).toBe('closed')
    const closed = once(client, 'close')
    client.resume()
    expect((await closed)[0]).toBe(4408)
    expect(broken).toEqual([])
  },
  60_000,
)

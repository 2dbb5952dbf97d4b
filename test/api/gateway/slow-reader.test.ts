/** A reader that stops reading, on a real socket: what waits for it is bounded, and nobody else notices. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type CatchUpDeps, createCatchUp } from '../../../api/gateway/catch-up.ts'
import { createHub } from '../../../api/gateway/hub.ts'
import { MAX_BACKLOG_BYTES, type Session } from '../../../api/gateway/session.ts'
import { SocketSession } from '../../../api/gateway/socket-session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
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

test('is pushed to no more, closed with 4408 in the end, and others get everything meanwhile', async () => {
  const hub = createHub()
  const broken: unknown[] = []
  // It never gets as far as reading what was missed.
  const catchUp = createCatchUp({ report: (error: unknown) => broken.push(error) } as unknown as CatchUpDeps)

  async function connect(name: string): Promise<{ client: WebSocket; session: Session }> {
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
    session.settle(1n as Position, '{"t":"live"}')
    return { client, session }
  }

  const [slow, quick] = [await connect('slow'), await connect('quick')]
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

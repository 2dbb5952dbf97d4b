/** A server that says what a test tells it to, for clients alone. Knows no rules. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface FakeServer {
  readonly url: string
  /** WebSocket frames as they came, as text. */
  readonly received: string[]
  /** Headers and address of each upgrade. */
  readonly upgrades: IncomingMessage[]
  stop(): Promise<void>
}

export interface FakeBehaviour {
  onConnect?(socket: WebSocket): void
  onFrame?(socket: WebSocket, frame: Record<string, unknown>): void
  onRequest?(request: IncomingMessage, response: ServerResponse): void
  /** Answered instead of the upgrade. */
  readonly refuseWith?: number
}

export const WELCOME = {
  t: 'welcome',
  userId: 'ada',
  deviceId: 'phone',
  node: 'n1',
  protocol: 1,
  position: '7',
  heartbeatMs: 25_000,
  limits: {},
}

export async function startFakeServer(behaviour: FakeBehaviour = {}): Promise<FakeServer> {
  const received: string[] = []
  const upgrades: IncomingMessage[] = []
  const server = createServer((request, response) => behaviour.onRequest?.(request, response))
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'triptick.v1' })
  server.on('upgrade', (request, socket, head) => {
    upgrades.push(request)
    if (behaviour.refuseWith !== undefined) {
      socket.end(`HTTP/1.1 ${behaviour.refuseWith} No\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('message', (data) => {
        const text = String(data)
        received.push(text)
        const frames = JSON.parse(text) as Record<string, unknown> | Record<string, unknown>[]
        for (const frame of Array.isArray(frames) ? frames : [frames]) behaviour.onFrame?.(webSocket, frame)
      })
      if (behaviour.onConnect) behaviour.onConnect(webSocket)
      else webSocket.send(JSON.stringify([WELCOME, { t: 'live', position: '7' }]))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    upgrades,
    stop: async () => {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

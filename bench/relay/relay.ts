/**
 * The reference: a bare `ws` relay that speaks enough of the protocol for the generators and keeps nothing. It verifies no
 * token and no id, writes nothing down and waits for nobody; no chat system can be faster on this machine with this library.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface Relay {
  readonly url: string
  close(): Promise<void>
}

interface Room {
  readonly members: readonly string[]
  lastSeq: number
  /** Who is told of receipts. */
  writer: string
}

interface Frame {
  readonly t: string
  readonly ref?: unknown
  readonly conversationId: string
  readonly messageId?: string
  readonly upTo?: number
  readonly body?: unknown
}

export async function startRelay(): Promise<Relay> {
  const rooms = new Map<string, Room>()
  const names = new Map<string, string>()
  const sockets = new Map<string, WebSocket[]>()

  function forward(members: readonly string[], from: string, frame: object): void {
    const text = JSON.stringify(frame)
    for (const member of members) {
      if (member !== from) for (const socket of sockets.get(member) ?? []) socket.send(text)
    }
  }

  function relay(
    userId: string,
    socket: WebSocket,
    { t, ref, conversationId, messageId, upTo, body }: Frame,
  ) {
    const room = rooms.get(conversationId)
    if (!room) return
    const at = Date.now()
    if (t === 'send') {
      const seq = ++room.lastSeq
      room.writer = userId
      socket.send(JSON.stringify({ t: 'sent', ref, conversationId, messageId, seq, at }))
      forward(room.members, userId, {
        t: 'message',
        conversationId,
        seq,
        messageId,
        senderId: userId,
        deviceId: 'default',
        at,
        body,
      })
    } else if (t === 'delivered' || t === 'read') {
      forward([room.writer], userId, { t: 'receipt', conversationId, userId, kind: t, upTo, at })
    }
  }

  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.end('{"status":"alive"}')
    const { members } = JSON.parse(await text(request)) as { members: readonly string[] }
    const people = [userOf(request), ...members].sort()
    const name = people.join('+')
    const conversationId = names.get(name) ?? `room-${names.size}`
    names.set(name, conversationId)
    if (!rooms.has(conversationId)) rooms.set(conversationId, { members: people, lastSeq: 0, writer: '' })
    response.end(JSON.stringify({ conversationId, kind: 'direct', members: people, lastSeq: 0 }))
  })
  const webSockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    handleProtocols: () => 'triptick.v1',
  })
  webSockets.on('connection', (socket, request) => {
    const userId = userOf(request)
    sockets.set(userId, [...(sockets.get(userId) ?? []), socket])
    socket.on('close', () => {
      sockets.set(
        userId,
        (sockets.get(userId) ?? []).filter((other) => other !== socket),
      )
    })
    socket.on('message', (data) => {
      const frames = JSON.parse(String(data)) as Frame | readonly Frame[]
      if (!Array.isArray(frames)) return relay(userId, socket, frames as Frame)
      for (const frame of frames as readonly Frame[]) relay(userId, socket, frame)
    })
    socket.send(JSON.stringify({ t: 'welcome', userId, deviceId: 'default', protocol: 1, position: '0' }))
    socket.send(JSON.stringify({ t: 'live', position: '0' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of webSockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Whoever the token says it is. */
function userOf(request: IncomingMessage): string {
  const payload = request.headers.authorization?.split('.')[1] ?? ''
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

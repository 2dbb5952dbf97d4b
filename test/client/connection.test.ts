/** What a connection promises to whoever uses it, against a server that misbehaves on demand. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { type Connection, type ConnectOptions, connect } from '../../client/connection.ts'
import { compose } from '../../client/message-id.ts'
import type { ConversationId, MessageId, Seq } from '../../domain/ids.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import { type FakeBehaviour, type FakeServer, startFakeServer, WELCOME } from './fake-server.ts'

const CONVERSATION = '0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e' as ConversationId
const opened: { close(): Promise<unknown> }[] = []
const servers: FakeServer[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
  opened.length = 0
})

async function meet(behaviour: FakeBehaviour = {}, options: Partial<ConnectOptions> = {}) {
  const server = await startFakeServer(behaviour)
  servers.push(server)
  const connection = await connect({ url: server.url, token: 'a.b.c', deviceId: 'phone', ...options })
  opened.push(connection)
  return { server, connection }
}

/** From now on the timers of the client run when the test says so; those of the sockets go on. */
function holdTheClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
}

const hello = (connection: Connection) => compose(connection, CONVERSATION, { kind: 'text', text: 'hello' })

test('it introduces itself with bearer header, subprotocol and device', async () => {
  const { server, connection } = await meet()
  expect(server.upgrades[0]?.url).toBe('/v1/ws?device=phone')
  expect(server.upgrades[0]?.headers.authorization).toBe('Bearer a.b.c')
  expect(server.upgrades[0]?.headers['sec-websocket-protocol']).toBe('triptick.v1')
  expect(connection.userId).toBe('ada')
  expect(await connection.live).toEqual({ t: 'live', position: '7' })
})

test('a message is sent when the answer with its ref has come, in whatever order the answers come', async () => {
  const sends: Record<string, unknown>[] = []
  const { connection } = await meet({
    onFrame: (socket, frame) => {
      sends.push(frame)
      if (sends.length < 2) return
      const answers = sends.reverse().map(({ ref, messageId, conversationId }) => ({
        t: 'sent',
        ref,
        conversationId,
        messageId,
        seq: Number(ref) * 10,
        at: 1,
      }))
      socket.send(JSON.stringify(answers))
    },
  })
  const [first, second] = [hello(connection), hello(connection)]
  const answers = await Promise.all([connection.send(first), connection.send(second)])
  expect(answers.map(({ messageId }) => messageId)).toEqual([first.messageId, second.messageId])
})

test('a token is renewed when the server says so, and refused otherwise', async () => {
  const { connection } = await meet({
    onFrame: (socket, { t, ref, token }) => {
      if (t !== 'renew') return
      const answer =
        token === 'd.e.f'
          ? { t: 'renewed', ref, expiresAt: 5 }
          : { t: 'error', ref, code: 'forbidden', message: 'of somebody else', retryable: false }
      socket.send(JSON.stringify(answer))
    },
  })
  expect(await connection.renew('d.e.f')).toMatchObject({ t: 'renewed', expiresAt: 5 })
  await expect(connection.renew('g.h.i')).rejects.toMatchObject({ code: 'forbidden' })
})

test('an error with the ref of a request rejects it with the code, and nothing else', async () => {
  const { connection } = await meet({
    onFrame: (socket, { ref, t }) => {
      const error = {
        t: 'error',
        ref,
        code: 'overloaded',
        message: 'later',
        retryable: true,
        retryAfterMs: 250,
      }
      socket.send(JSON.stringify(t === 'send' ? error : { t: 'pong', position: '9' }))
    },
  })
  await expect(connection.send(hello(connection))).rejects.toMatchObject({
    code: 'overloaded',
    retryable: true,
    retryAfterMs: 250,
  })
  expect(await connection.ping()).toEqual({ t: 'pong', position: '9' })
})

test('frames are handed on one by one and in order, from the first on', async () => {
  const frames: ServerFrame[] = []
  const { connection } = await meet(
    {
      onConnect: (socket) => {
        const receipt = {
          t: 'receipt',
          conversationId: CONVERSATION,
          userId: 'ben',
          kind: 'read',
          upTo: 1,
          at: 1,
        }
        socket.send(JSON.stringify([WELCOME, receipt]))
        socket.send(JSON.stringify({ t: 'live', position: '8' }))
      },
    },
    { onFrame: (frame) => frames.push(frame) },
  )
  await connection.live
  expect(frames.map(({ t }) => t)).toEqual(['welcome', 'receipt', 'live'])
})

test('what is said in one turn leaves as one array frame', async () => {
  const { server, connection } = await meet({
    onFrame: (socket, { ref, t, upTo }) =>
      socket.send(
        JSON.stringify({
          t: 'receipt',
          ref,
          conversationId: CONVERSATION,
          userId: 'ada',
          kind: t,
          upTo,
          at: 1,
        }),
      ),
  })
  const seq = 3 as Seq
  await Promise.all([connection.delivered(CONVERSATION, seq), connection.read(CONVERSATION, seq)])
  expect(server.received).toHaveLength(1)
  expect(JSON.parse(server.received[0] ?? '')).toMatchObject([
    { t: 'delivered', upTo: 3 },
    { t: 'read', upTo: 3 },
  ])
})

test('a request without an answer is rejected in time', async () => {
  const { connection } = await meet({}, { timeoutMs: 10_000 })
  holdTheClock()
  const asked = [connection.send(hello(connection)), connection.ping()]
  const outcomes = Promise.allSettled(asked)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await outcomes).toMatchObject([
    { reason: { code: 'timeout', retryable: true } },
    { reason: { code: 'timeout' } },
  ])
})

test('when the connection ends, everything that waits is rejected, and everything that comes after', async () => {
  const { connection } = await meet({ onFrame: (socket) => socket.close(1012, '{"retryAfterMs":5}') })
  await expect(connection.send(hello(connection))).rejects.toMatchObject({ code: 'closed', retryable: true })
  expect(await connection.closed).toEqual({ code: 1012, reason: '{"retryAfterMs":5}' })
  await expect(connection.delete(CONVERSATION, 'x' as MessageId)).rejects.toMatchObject({ code: 'closed' })
  await expect(connection.ping()).rejects.toMatchObject({ code: 'closed' })
})

test('nothing that is said before a close is left unsaid', async () => {
  const { server, connection } = await meet()
  connection.ack('42')
  await connection.close()
  await turn()
  expect(server.received.map((text) => JSON.parse(text))).toEqual([{ t: 'ack', position: '42' }])
})

test('a refused token is told as unauthorized, a full server as retryable', async () => {
  await expect(meet({ refuseWith: 401 })).rejects.toMatchObject({ code: 'unauthorized', retryable: false })
  await expect(meet({ refuseWith: 503 })).rejects.toMatchObject({ code: 'overloaded', retryable: true })
})

test('a server that never welcomes is given up in time, one that is not there at once', async () => {
  holdTheClock()
  let connected = () => {}
  const silence = new Promise<void>((resolve) => {
    connected = resolve
  })
  const meeting = expect(meet({ onConnect: () => connected() })).rejects.toMatchObject({ code: 'timeout' })
  await silence
  await vi.advanceTimersByTimeAsync(10_000)
  await meeting
  await expect(connect({ url: 'http://127.0.0.1:1', token: 'x' })).rejects.toMatchObject({
    code: 'unreachable',
  })
})

/** The upgrade: how many may wait for theirs, and that an idle socket keeps nothing alive of the request that it came by. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import websocket from '@fastify/websocket'
import fastify, { type FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createHub } from '../../../api/gateway/hub.ts'
import type { Session } from '../../../api/gateway/session.ts'
import { type SocketDeps, socketRoute } from '../../../api/gateway/socket-route.ts'
import { createErrorHandler } from '../../../api/problem.ts'
import type { Position } from '../../../ledger/ledger.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('of more who connect at once than may wait, those beyond are told to come again, and the others have their turn', async () => {
  const app = fastify()
  app.decorateRequest('identity')
  app.setErrorHandler(createErrorHandler(() => {}))
  await app.register(websocket)
  const deps = {
    hub: createHub(),
    verifyToken: async () => undefined,
    load: { allows: () => true, retryAfterMs: () => 1_500 },
    rateLimits: { connection: () => 0 },
    gaps: {},
  }
  await app.register(socketRoute(deps as unknown as SocketDeps))
  const headers = { authorization: 'Bearer x' }
  // All of them in one turn of the event loop, before the first is let in.
  const answers = await Promise.all(
    Array.from({ length: 2_010 }, () => app.inject({ url: '/v1/ws', headers })),
  )
  const refused = answers.filter((answer) => answer.json<{ code: string }>().code === 'overloaded')
  expect(refused).toHaveLength(10)
  for (const { statusCode, headers } of refused) {
    expect([statusCode, headers['retry-after']]).toEqual([503, '2'])
  }
  expect(answers.filter(({ statusCode }) => statusCode === 401)).toHaveLength(2_000)
  await app.close()
})

test('an open socket holds on to nothing that Fastify made of its request', async () => {
  const hub = createHub()
  const requests: WeakRef<FastifyRequest>[] = []
  const app = fastify()
  app.decorateRequest('identity')
  app.addHook('onRequest', async (request) => void requests.push(new WeakRef(request)))
  await app.register(websocket, { options: { handleProtocols: () => 'triptick.v1' } })
  const deps = {
    hub,
    verifyToken: async () => ({ sub: 'ada', exp: 9e9, roles: [] }),
    load: { allows: () => true },
    rateLimits: { connection: () => 0 },
    admission: {
      checkRoom: () => {},
      admit: async (session: Session) => {
        hub.add(session)
        return { kept: 0n, knownFrom: 0n, claim: 1n }
      },
      dismiss: hub.remove,
    },
    catchUp: {
      run: async (session: Session) => {
        session.startCatchingUp()
        session.settle(1n as Position, '{"t":"live"}')
      },
    },
    gaps: {},
  }
  await app.register(socketRoute(deps as unknown as SocketDeps))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'triptick.v1', {
    headers: { authorization: 'Bearer x' },
  })
  await once(socket, 'message')

  expect(hub.size).toBe(1)
  expect(requests).toHaveLength(1)
  await expect
    .poll(async () => {
      await sleep(10)
      collectGarbage()
      return requests[0]?.deref()
    })
    .toBeUndefined()

  socket.close()
  await expect.poll(() => hub.size).toBe(0)
  await app.close()
})

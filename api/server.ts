/** The HTTP server: Fastify with the routes, the error format and the WebSocket. Listens where it is told; owns no state. */
import { isUtf8 } from 'node:buffer'
import type { Server } from 'node:http'
import websocket from '@fastify/websocket'
import fastify, { type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { LIMITS } from '../protocol/limits.ts'
import { reportErrors } from '../runtime/calm-report.ts'
import { rememberMethods } from './allowed-methods.ts'
import { answerInTime } from './answer-in-time.ts'
import { requireBearer } from './auth/bearer.ts'
import { checkOrigin, originPolicy } from './auth/origins.ts'
import type { ApiDeps } from './deps.ts'
import type { Gateway } from './gateway/gateway.ts'
import { SOCKET_PATH } from './gateway/socket-route.ts'
import { onlyUpgradesAt, webSocketUpgradesOf } from './other-upgrades.ts'
import {
  ApiProblem,
  createErrorHandler,
  handleUnreadable,
  handleUnroutable,
  sendUnrouted,
} from './problem.ts'
import { parseQuery } from './query-string.ts'
import { limitNetwork, limitPerson } from './rate-limits/request-limits.ts'
import { registerReference } from './reference/reference.ts'
import { authRoutes } from './routes/auth.ts'
import { conversationRoutes } from './routes/conversations.ts'
import { gatewayRoutes } from './routes/gateways.ts'
import { healthRoutes } from './routes/health.ts'
import { inboxRoutes } from './routes/inbox.ts'
import { messageRoutes } from './routes/messages.ts'
import { peopleRoutes } from './routes/people.ts'
import { searchRoutes } from './routes/search.ts'
import { syncRoutes } from './routes/sync.ts'
import { ticketRoutes } from './routes/tickets.ts'
import { sayWrongInputInWords } from './wrong-input.ts'

/** Until all of a request has arrived. */
const REQUEST_TIMEOUT_MS = 30_000

export async function createServer(deps: ApiDeps, gateway: Gateway): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    // No logger for each request: making one costs more than routing it, and what is logged is a failure, with its route (`problem.ts`).
    childLoggerFactory: (logger) => logger,
    bodyLimit: LIMITS.requestBytes,
    // Nobody else is believed about whom he speaks for.
    trustProxy: deps.trustedProxies as string[],
    forceCloseConnections: true,
    clientErrorHandler: handleUnreadable,
    frameworkErrors: handleUnroutable,
    // Room for an id of 128 characters, each of them percent-encoded; how long it may be is told by its schema.
    routerOptions: { maxParamLength: 400, querystringParser: parseQuery },
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      // Not above it, for then Node takes the longer one for the whole request; and looked at more often than each half minute.
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
      // Whoever leaves it out is told so by `requireHost`, with a code.
      requireHostHeader: false,
      ...onlyUpgradesAt(SOCKET_PATH),
    },
  }).withTypeProvider<ZodTypeProvider>()
  sayWrongInputInWords()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  acceptJson(app as unknown as FastifyInstance)
  app.setErrorHandler(createErrorHandler(reportErrors(deps.log, 'a request failed')))
  const methodsAt = rememberMethods(app as unknown as FastifyInstance)
  app.setNotFoundHandler(({ method, url }, reply) => sendUnrouted(reply, method, methodsAt(url)))
  app.decorateRequest('identity')
  registerReference(app as unknown as FastifyInstance)
  answerInTime(app as unknown as FastifyInstance, deps.databaseAnswers)

  await app.register(websocket, {
    options: {
      server: webSocketUpgradesOf(app.server, SOCKET_PATH) as Server,
      maxPayload: LIMITS.frameBytes,
      // The ticket is offered as a subprotocol too, and must not be echoed.
      handleProtocols: (offered: Set<string>) => (offered.has('triptick.v1') ? 'triptick.v1' : false),
      perMessageDeflate: false,
      // The hub knows all that are not closing yet; a second list, with a listener for each, takes 200 bytes of a socket.
      clientTracking: false,
    },
  })
  // Nothing is expected of us but `100-continue`, which Node answers; a request that expects more is answered as it is.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  // Behind the hooks of the WebSocket, which end the connection of an upgrade that is refused.
  app.addHook('onRequest', requireHost)
  app.addHook('onRequest', checkOrigin(originPolicy(deps.origins)))
  await app.register(healthRoutes(deps))
  await app.register(gateway.route)
  await app.register(authRoutes(deps))
  await app.register(async (authenticated) => {
    authenticated.addHook('onRequest', limitNetwork(deps))
    authenticated.addHook('onRequest', requireBearer(deps.verifyToken))
    authenticated.addHook('onRequest', limitPerson(deps))
    await authenticated.register(conversationRoutes(deps))
    await authenticated.register(messageRoutes(deps, gateway.presence))
    await authenticated.register(inboxRoutes(deps))
    await authenticated.register(searchRoutes(deps))
    await authenticated.register(peopleRoutes(deps, gateway.presence))
    await authenticated.register(ticketRoutes(deps))
    await authenticated.register(syncRoutes(gateway.polls))
    await authenticated.register(gatewayRoutes(gateway.gateways))
  })
  return app as unknown as FastifyInstance
}

/**
 * JSON as it is taken from a socket: bytes that are no UTF-8 are refused instead of replaced, and a key of a field in a body may be
 * called `__proto__` (the schema drops one of the body itself, and with it the id is another). Many clients say
 * `content-type: application/json` with every request, also with one that has no body; what wants a body says so itself.
 */
function acceptJson(app: FastifyInstance): void {
  // No route takes it; like any other type it is told what to send instead.
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async ({ headers }: FastifyRequest, bytes: Buffer) => {
      if (bytes.length === 0) return undefined
      const encoding = headers['content-encoding'] ?? 'identity'
      if (encoding.toLowerCase() !== 'identity') {
        throw new ApiProblem('bad_frame', 'send the body as it is, without a content-encoding')
      }
      if (!isUtf8(bytes)) throw new ApiProblem('bad_frame', 'the body is not UTF-8')
      try {
        return JSON.parse(bytes.toString().replace(BYTE_ORDER_MARK, ''))
      } catch {
        throw new ApiProblem('bad_frame', 'the body is not JSON')
      }
    },
  )
}

/** Some clients begin with one; RFC 8259 (§8.1) lets a reader pass over it. */
const BYTE_ORDER_MARK = /^\ufeff/

/** RFC 9112, §3.2. */
async function requireHost({ raw }: FastifyRequest): Promise<void> {
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
    throw new ApiProblem('bad_frame', 'send a Host header')
  }
}

/**
 * `GET /v1/ws`: from an upgrade request to a session. Authenticates before the upgrade, so that a refusal is a plain 401;
 * registers the session before it looks at what was missed, so that nothing falls in between.
 */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { DeviceId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { socketQuery } from '../../protocol/http.ts'
import { FRAME_COSTS, LIMITS } from '../../protocol/limits.ts'
import type { WelcomeFrame } from '../../protocol/server-frames.ts'
import { type Report, reportErrors } from '../../runtime/calm-report.ts'
import { ANSWER_WITHIN_MS, answeredWithin, whileAnswering } from '../answer-in-time.ts'
import { bearerOf, identityOf } from '../auth/bearer.ts'
import { type Identity, LOGIN_CLAIM, millisOf } from '../auth/identity.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'
import { networkOf } from '../rate-limits/network-of.ts'
import { frameSource } from '../rate-limits/rate-limits.ts'
import { limitConnections } from '../rate-limits/request-limits.ts'
import { BURST_SECONDS } from '../rate-limits/token-buckets.ts'
import type { Admission } from './admission.ts'
import { type CatchUp, comeBack } from './catch-up.ts'
import type { DevicePositions, DeviceStarted } from './device-positions.ts'
import type { Dispatch } from './dispatch.ts'
import { createFrameLimits, type FrameLimits } from './frame-limits.ts'
import type { Gaps } from './gaps.ts'
import type { Hub } from './hub.ts'
import { createPace } from './pace.ts'
import type { Session } from './session.ts'
import { type SessionEvents, SocketSession } from './socket-session.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** By the clock of `performance.now`: who opens a socket is welcomed by then, or told to come back. */
    welcomeBy: number
  }
}

export const SUBPROTOCOL = 'triptick.v1'
export const SOCKET_PATH = '/v1/ws'
const TICKET_PREFIX = 'ticket.'
/** How often a client should give a sign of life; after six times this without one its device is offline (`heartbeat.ts`). */
export const HEARTBEAT_MS = 5_000
/**
 * Of 1 ms each with its token: a thousand that come in one turn of the event loop would keep everybody else waiting for a second.
 * Up to 250 a second where turns take 4 ms and more, five in each that takes over 20 ms; more where they are short.
 */
const UPGRADES = { everyMs: 4, mostATurn: 5, mostWaiting: 2_000 }
/** When a node dies, its clients come back to the others over this time, each at a moment of its own. */
const RECONNECT_SPREAD_MS = 2_000

export interface SocketDeps
  extends Pick<
    ApiDeps,
    | 'node'
    | 'ledger'
    | 'verifyToken'
    | 'tickets'
    | 'log'
    | 'load'
    | 'rateLimits'
    | 'rateSocket'
    | 'databaseAnswers'
  > {
  readonly hub: Hub
  readonly positions: DevicePositions
  readonly catchUp: CatchUp
  readonly gaps: Gaps
  readonly admission: Admission
  readonly dispatch: Dispatch
}

export const socketRoute =
  (deps: SocketDeps): FastifyPluginAsync =>
  async (app) => {
    const { node, hub, admission, ledger, positions, catchUp, gaps, dispatch, load, log } = deps
    const pace = createPace(UPGRADES)
    const reportFailure: Report = reportErrors(log, 'a session could not be started')
    app.decorateRequest('welcomeBy', 0)

    /** Of many who come at once, those who would make the others wait come later; a refusal costs less than a session. */
    async function admit(request: FastifyRequest): Promise<void> {
      const { raw } = request
      const turn = load.allows('socket') ? pace(() => raw.socket.destroyed) : undefined
      if (!turn) throw new ApiProblem('overloaded', 'too many connect just now', load.retryAfterMs())
      await turn
      request.welcomeBy = performance.now() + ANSWER_WITHIN_MS
      // Gone while it waited: its ticket is not redeemed, nobody is there to be welcomed.
      if (raw.socket.destroyed) throw new ApiProblem('unavailable', 'the connection is gone')
    }

    async function authenticate(request: FastifyRequest): Promise<void> {
      const offered = subprotocolsOf(request)
      const ticket = offered.find((protocol) => protocol.startsWith(TICKET_PREFIX))
      const token = bearerOf(request)
      if (token !== undefined) request.identity = await deps.verifyToken(token)
      else if (ticket !== undefined && request.ws) {
        const redeemed = deps.tickets.redeem(ticket.slice(TICKET_PREFIX.length))
        request.identity = await answeredWithin(leftUntil(request.welcomeBy), redeemed)
      } else if (ticket !== undefined) throw notUpgraded()
      if (!request.identity) {
        throw new ApiProblem(
          'unauthorized',
          'send a valid bearer token, or `ticket.<t>` as a second subprotocol',
        )
      }
      if (!request.ws || !isHandshake(request)) throw notUpgraded()
      if (!offered.includes(SUBPROTOCOL)) {
        throw new ApiProblem('bad_frame', `offer the subprotocol ${SUBPROTOCOL}`)
      }
      const query = socketQuery.safeParse(request.query)
      if (!query.success) {
        const wrong = query.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
        throw new ApiProblem('bad_frame', wrong.join('; '))
      }
      admission.checkRoom(request.identity.sub, query.data.device)
    }

    /**
     * From here on nothing is answered but the handshake, which `ws` writes by itself. What Fastify made of the request would hang
     * on the socket for as long as it lives: 3.4 kB, more than the socket's own 2.9.
     */
    async function letGo(request: FastifyRequest, reply: FastifyReply): Promise<void> {
      reply.raw.detachSocket(request.raw.socket)
    }

    app.get(
      SOCKET_PATH,
      {
        websocket: true,
        onRequest: [limitConnections(deps), admit],
        preValidation: authenticate,
        preHandler: letGo,
      },
      (socket, request) => {
        const { device, after } = socketQuery.parse(request.query)
        const session = open(socket, identityOf(request), device, request.ip)
        const from = after === undefined ? undefined : (BigInt(after) as Position)
        greet(session, from, request.welcomeBy).catch((error) => {
          reportFailure(error)
          comeBack(session)
        })
      },
    )

    /** A frame too large, a reset: nobody waits for what the client makes of it. `close` follows. */
    function broken(this: WebSocket, error: Error): void {
      log.debug({ err: error }, 'a socket broke')
      this.terminate()
    }

    const events: SessionEvents = {
      scheduleFlush: hub.scheduleFlush,
      onBehind: (behind) => void catchUp.resume(behind),
      onGap: gaps.noticed,
      onResync: (doubted) => void catchUp.resume(doubted),
      onNudge: (waitedFor) => void catchUp.look(waitedFor),
    }

    function open(socket: WebSocket, identity: Identity, deviceId: DeviceId, address: string): SocketSession {
      const { sub, exp } = identity
      const session = new SocketSession({ socket, userId: sub, deviceId, expiresAt: exp, events })
      session.loginId = identity[LOGIN_CLAIM]
      // Made with the first frame: most sockets of a node say nothing for hours.
      let limits: FrameLimits | undefined
      // Nothing is read before the session has been welcomed.
      socket.pause()
      socket.on('pong', () => session.heard())
      socket.on('message', (data, isBinary) => {
        session.heard()
        limits ??= createFrameLimits(
          deps.rateSocket,
          deps.rateLimits,
          frameSource(sub, deviceId, networkOf(address)),
        )
        dispatch.received(session, limits, isBinary ? undefined : String(data))
      })
      // In place of the plugin's, which holds on to request and reply (`letGo`).
      socket.removeAllListeners('error')
      socket.on('error', broken)
      socket.on('close', () => admission.dismiss(session))
      return session
    }

    async function greet(
      session: SocketSession,
      after: Position | undefined,
      welcomeBy: number,
    ): Promise<void> {
      const { userId, deviceId } = session
      const start = await answeredWithin(leftUntil(welcomeBy), standing(session, after))
      const welcome: WelcomeFrame = {
        t: 'welcome',
        userId,
        deviceId,
        node,
        protocol: 1,
        position: String(start.kept),
        expiresAt: millisOf({ exp: session.expiresAt }),
        heartbeatMs: HEARTBEAT_MS,
        retryAfterMs: Math.round(RECONNECT_SPREAD_MS * Math.random()),
        limits: LIMITS,
        rate: {
          perSecond: deps.rateSocket,
          burst: deps.rateSocket * BURST_SECONDS,
          costs: FRAME_COSTS,
        },
      }
      session.send(JSON.stringify(welcome))
      session.socket.resume()
      // Which may take long: whoever was away for a month, or comes back with a thousand others.
      await whileAnswering(deps.databaseAnswers, catchUp.run(session, start))
    }

    async function standing(session: SocketSession, after: Position | undefined): Promise<DeviceStarted> {
      const started = await admission.admit(session)
      return after === undefined ? started : startAfter(session, after, started)
    }

    /**
     * The device says what it has, as with `ack`. Nobody was told of what is beyond the end: it is of another system, or of a time that was put
     * back. What is known counts then.
     */
    async function startAfter(
      session: Session,
      after: Position,
      started: DeviceStarted,
    ): Promise<DeviceStarted> {
      if (after > (await ledger.head())) return started
      await positions.keepAnswered(session, after)
      return { ...started, kept: after }
    }
  }

const leftUntil = (moment: number): number => Math.max(0, moment - performance.now())

/** RFC 6455, §4.2.1: what `ws` would refuse by itself, with a page of HTML. */
const isHandshake = ({ headers, method }: FastifyRequest): boolean =>
  method === 'GET' &&
  /^[+/\dA-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '') &&
  headers['sec-websocket-version'] === '13'

/** A client that forgot it, or a proxy that does not pass it on. */
const notUpgraded = () =>
  new ApiProblem(
    'bad_frame',
    'this is a WebSocket (RFC 6455): send the handshake of version 13, with an upgrade',
  )

const subprotocolsOf = (request: FastifyRequest): string[] =>
  (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())

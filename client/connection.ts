/**
 * One device of one person on one WebSocket, from `welcome` to its end. Answers requests by `ref`, hands every frame on in
 * order; never connects again and acknowledges nothing by itself: its owner knows what was shown and kept.
 */
import { WebSocket } from 'ws'
import type { ConversationId, DeviceId, MessageId, Seq, UserId } from '../domain/ids.ts'
import type {
  DeletedFrame,
  LiveFrame,
  PongFrame,
  ReceiptFrame,
  RenewedFrame,
  SentFrame,
  ServerFrame,
  WelcomeFrame,
} from '../protocol/server-frames.ts'
import { createAnswers } from './answers.ts'
import type { ComposedMessage } from './message-id.ts'
import { createOutgoing } from './outgoing.ts'
import { ClientProblem } from './problem.ts'

export interface ConnectOptions {
  /** Of the server: `http://host:port`. */
  readonly url: string
  readonly token: string
  /** Default `default`. */
  readonly deviceId?: string
  /** Longest wait for `welcome` and for each answer. Default 10 s. */
  readonly timeoutMs?: number
  /**
   * Every frame, arrays taken apart, in order, `welcome` and answers included. An option rather than an event to listen
   * for, so that nothing can be missed between connecting and listening.
   */
  readonly onFrame?: (frame: ServerFrame) => void
}

export interface Closing {
  readonly code: number
  readonly reason: string
}

export interface Connection {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly welcome: WelcomeFrame
  /** Everything missed has been handed on. Rejects if the connection ends before. */
  readonly live: Promise<LiveFrame>
  /** Never rejects. */
  readonly closed: Promise<Closing>
  /** Resolves when the message is durable. Rejects with a `ClientProblem`; sending the same message again is harmless. */
  send(message: ComposedMessage): Promise<SentFrame>
  /** This device has everything up to `upTo`. Resolves when that is durable. */
  delivered(conversationId: ConversationId, upTo: Seq): Promise<ReceiptFrame>
  /** The person has read everything up to `upTo`. Resolves when that is durable. */
  read(conversationId: ConversationId, upTo: Seq): Promise<ReceiptFrame>
  /** For everyone; only one's own. */
  delete(conversationId: ConversationId, messageId: MessageId): Promise<DeletedFrame>
  /** A new token of the same person, before the first ends. Resolves when it counts. */
  renew(token: string): Promise<RenewedFrame>
  /** This device has kept everything up to this position of the ledger. */
  ack(position: string): void
  ping(): Promise<PongFrame>
  close(): Promise<Closing>
}

export const SUBPROTOCOL = 'triptick.v1'

/** Resolves at `welcome`. Rejects with a `ClientProblem`. */
export function connect(options: ConnectOptions): Promise<Connection> {
  const { url, token, deviceId = 'default', timeoutMs = 10_000, onFrame = () => {} } = options
  const socket = new WebSocket(socketUrl(url, deviceId), SUBPROTOCOL, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
  })
  const answers = createAnswers(timeoutMs)
  const outgoing = createOutgoing((text) => socket.send(text))
  /** These pings have no `ref`, and so have their pongs; they come in the order of the pings. */
  const pings: ((outcome: PongFrame | ClientProblem) => void)[] = []
  const live = settleable<LiveFrame>()
  const closed = settleable<Closing>()
  // Nobody need be interested in it.
  live.promise.catch(() => {})

  const late = (what: string) =>
    new ClientProblem('timeout', `no ${what} within ${timeoutMs} ms`, { retryable: true })

  function request<Answer extends ServerFrame>(frame: object): Promise<Answer> {
    const { ref, answer } = answers.expect()
    if (socket.readyState === socket.OPEN) outgoing.push({ ...frame, ref })
    return answer as Promise<Answer>
  }

  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => {
      socket.terminate()
      reject(late('welcome'))
    }, timeoutMs)

    function receive(frame: ServerFrame): void {
      if (frame.t === 'welcome') {
        clearTimeout(patience)
        resolve(connectionOf(frame))
      } else if (frame.t === 'live') live.resolve(frame)
      else if (frame.t === 'pong') pings.shift()?.(frame)
      answers.settle(frame)
      onFrame(frame)
    }

    socket.on('message', (data) => {
      const frames = JSON.parse(String(data)) as ServerFrame | readonly ServerFrame[]
      if (!Array.isArray(frames)) return receive(frames as ServerFrame)
      for (const frame of frames as readonly ServerFrame[]) receive(frame)
    })
    socket.on('unexpected-response', (_request, response) => {
      response.resume()
      socket.terminate()
      reject(refusal(response.statusCode ?? 0))
    })
    socket.on('error', (cause) => {
      reject(new ClientProblem('unreachable', cause.message, { retryable: true, cause }))
    })
    socket.on('close', (code, reason) => {
      clearTimeout(patience)
      const problem = ended(`${code} ${reason}`)
      reject(problem)
      live.reject(problem)
      answers.end(problem)
      for (const settle of pings.splice(0)) settle(problem)
      closed.resolve({ code, reason: String(reason) })
    })
  })

  function connectionOf(welcome: WelcomeFrame): Connection {
    return {
      userId: welcome.userId,
      deviceId: welcome.deviceId,
      welcome,
      live: live.promise,
      closed: closed.promise,
      send: (message) => request<SentFrame>({ t: 'send', ...message }),
      delivered: (conversationId, upTo) => request<ReceiptFrame>({ t: 'delivered', conversationId, upTo }),
      read: (conversationId, upTo) => request<ReceiptFrame>({ t: 'read', conversationId, upTo }),
      delete: (conversationId, messageId) =>
        request<DeletedFrame>({ t: 'delete', conversationId, messageId }),
      renew: (token) => request<RenewedFrame>({ t: 'renew', token }),
      ack: (position) => {
        if (socket.readyState === socket.OPEN) outgoing.push({ t: 'ack', position })
      },
      ping: () =>
        new Promise<PongFrame>((resolve, reject) => {
          if (socket.readyState !== socket.OPEN) return reject(ended('before a ping'))
          const timer = setTimeout(() => reject(late('pong')), timeoutMs)
          pings.push((outcome) => {
            clearTimeout(timer)
            if ('t' in outcome) resolve(outcome)
            else reject(outcome)
          })
          outgoing.push({ t: 'ping' })
        }),
      close: () => {
        outgoing.flush()
        socket.close(1000)
        return closed.promise
      },
    }
  }
}

function socketUrl(url: string, deviceId: string): URL {
  const target = new URL('/v1/ws', url)
  target.protocol = target.protocol === 'https:' ? 'wss:' : 'ws:'
  target.searchParams.set('device', deviceId)
  return target
}

/** The server refuses before the upgrade; the status is all that a WebSocket client learns. */
function refusal(status: number): ClientProblem {
  if (status === 401)
    return new ClientProblem('unauthorized', 'the token is not accepted', { retryable: false })
  if (status === 429 || status === 503)
    return new ClientProblem('overloaded', `HTTP ${status}`, { retryable: true })
  return new ClientProblem('unreachable', `HTTP ${status} instead of a WebSocket`, {
    retryable: status >= 500,
  })
}

const ended = (how: string) =>
  new ClientProblem('closed', `the connection ended (${how})`, { retryable: true })

function settleable<T>() {
  let resolve!: (value: T) => void
  let reject!: (problem: ClientProblem) => void
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

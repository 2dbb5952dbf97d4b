/**
 * A bare client for tests: raw frames in and out over `ws`, written from `protocol.md` alone, without our own client. Whatever
 * a server sends it must stand in `protocol/server-frames.ts`, so that the reference tells the truth.
 */
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import WebSocket from 'ws'
import { serverFrame } from '../../protocol/server-frames.ts'
import { tokenFor } from './system.ts'

// biome-ignore lint/suspicious/noExplicitAny: frames are read as a client would that knows no types of ours
export type Frame = Record<string, any>

export interface Chat {
  readonly userId: string
  readonly deviceId: string
  readonly socket: WebSocket
  /** Everything received so far, arrays flattened. */
  readonly frames: Frame[]
  readonly closed: Promise<{ code: number; reason: string }>
  raw(data: string | Buffer): void
  send(frame: Frame | Frame[]): void
  /** The first frame, past or to come, that matches; each call looks from the beginning. */
  get(match: Frame | ((frame: Frame) => boolean), timeoutMs?: number): Promise<Frame>
  all(match: Frame): Frame[]
  /** Sends a text, again while the node is overloaded or its database does not answer, and waits for `sent`. */
  say(conversationId: string, text: string): Promise<Frame>
  close(): Promise<void>
}

export interface JoinOptions {
  readonly device?: string
  /** The position that the device says to have. */
  readonly after?: string
  readonly token?: string
  /** Instead of a token, as browsers do. */
  readonly ticket?: string
  /** Do not wait for `live`. */
  readonly hasty?: boolean
}

/** Comes again while the node takes few new sockets, as one does that stood still more than once within a moment. */
export async function join(url: string, userId: string, options: JoinOptions = {}): Promise<Chat> {
  const deviceId = options.device ?? 'default'
  const token = options.token ?? (await tokenFor(userId))
  const { device, after } = options
  const query = new URLSearchParams({
    ...(device === undefined ? {} : { device }),
    ...(after === undefined ? {} : { after }),
  })
  const target = `${url.replace('http', 'ws')}/v1/ws?${query}`
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  const connect = () => {
    const socket =
      options.ticket === undefined
        ? new WebSocket(target, 'triptick.v1', { headers: { authorization: `Bearer ${token}` } })
        : new WebSocket(target, ['triptick.v1', `ticket.${options.ticket}`])
    socket.on('message', (data) => {
      const value = JSON.parse(String(data))
      const received = Array.isArray(value) ? value : [value]
      received.forEach(mustBeDocumented)
      frames.push(...received)
      for (const look of waiting) look()
    })
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    })
    return new Promise<{ socket: WebSocket; closed: typeof closed }>((resolve, reject) => {
      socket.on('open', () => resolve({ socket, closed }))
      socket.on('error', reject)
    })
  }
  const comeIn = (left: number): ReturnType<typeof connect> =>
    connect().catch(async (error: Error) => {
      if (left === 0 || error.message !== 'Unexpected server response: 503') throw error
      await sleep(1_000)
      return comeIn(left - 1)
    })
  const { socket, closed } = await comeIn(10)

  let ref = 0
  const chat: Chat = {
    userId,
    deviceId,
    socket,
    frames,
    closed,
    raw: (data) => socket.send(data),
    send: (frame) => socket.send(JSON.stringify(frame)),
    get: (match, timeoutMs = 20_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = frames.find(matcher(match))
          if (!found) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(
            new Error(
              `${userId} never got ${JSON.stringify(match)}; got ${JSON.stringify(frames.slice(-5))}`,
            ),
          )
        }, timeoutMs)
        waiting.add(look)
        look()
      }),
    all: (match) => frames.filter(matcher(match)),
    say: async (conversationId, text) => {
      const frame = textFrame(chat, conversationId, text)
      for (;;) {
        const mine = `say ${++ref}`
        chat.send({ ...frame, ref: mine })
        const answer = await chat.get({ ref: mine })
        if (answer.t === 'sent') return answer
        // As a node that stood still for a second answers, or whose database did for eight.
        if (answer.code !== 'overloaded' && answer.code !== 'unavailable')
          throw new Error(JSON.stringify(answer))
        await sleep(answer.retryAfterMs)
      }
    },
    close: async () => {
      socket.close()
      await closed
    },
  }
  if (!options.hasty) await chat.get({ t: 'live' })
  return chat
}

/** Parsing drops what a schema does not name: then the frame would no longer be the same. */
function mustBeDocumented(frame: Frame): void {
  const { data, error } = serverFrame.safeParse(frame)
  if (isDeepStrictEqual(data, frame)) return
  const why = error?.message ?? `only this of it is documented: ${JSON.stringify(data)}`
  throw new Error(`not a frame of protocol/server-frames.ts: ${JSON.stringify(frame)}: ${why}`)
}

function matcher(match: Frame | ((frame: Frame) => boolean)): (frame: Frame) => boolean {
  if (typeof match === 'function') return match as (frame: Frame) => boolean
  return (frame) => Object.entries(match).every(([key, value]) => frame[key] === value)
}

/** More under way than this are a flood to a node whose event loop has just stood still, and some are refused. */
const SAID_AT_ONCE = 50

export async function sayAll(chat: Chat, conversationId: string, texts: readonly string[]): Promise<Frame[]> {
  const sent: Frame[] = []
  while (sent.length < texts.length) {
    const some = texts.slice(sent.length, sent.length + SAID_AT_ONCE)
    sent.push(...(await Promise.all(some.map((text) => chat.say(conversationId, text)))))
  }
  return sent
}

/** A complete `send` frame with the right messageId. */
export function textFrame(
  who: { readonly userId: string; readonly deviceId: string },
  conversationId: string,
  text: string,
  ref: string | number = randomBytes(4).toString('hex'),
): Frame {
  const body = { kind: 'text', text }
  const clientAt = Date.now()
  const nonce = randomBytes(16).toString('base64url')
  const messageId = messageIdOf({
    body,
    clientAt,
    conversationId,
    deviceId: who.deviceId,
    nonce,
    senderId: who.userId,
  })
  return { t: 'send', ref, conversationId, messageId, nonce, clientAt, body }
}

/** RFC 8785 for content without exotic numbers or keys: sorted keys, `JSON.stringify` for the rest. */
export const messageIdOf = (content: object): string =>
  createHash('sha256').update(sorted(content)).digest('hex')

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${sorted(inner)}`).join(',')}}`
}

/** Asks again while the read models are behind: after 3 s a query is answered that they are. */
export async function call(
  url: string,
  userId: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Frame }> {
  for (let left = 5; ; left--) {
    const answer = await callOnce(url, userId, method, path, body)
    const isBehind = method === 'GET' && answer.status === 503 && answer.body.code === 'unavailable'
    if (!isBehind || left === 0) return answer
    await sleep(answer.body.retryAfterMs)
  }
}

async function callOnce(
  url: string,
  userId: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Frame }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${await tokenFor(userId)}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

/** Starts a conversation and answers its id. */
export async function begin(
  url: string,
  by: string,
  kind: 'direct' | 'group',
  members: readonly string[],
): Promise<string> {
  const { body } = await call(url, by, 'POST', '/v1/conversations', { kind, members })
  if (typeof body.conversationId !== 'string') throw new Error(JSON.stringify(body))
  return body.conversationId
}

/** Names of people whom no other test of the file knows. */
export function createCast(): (...names: string[]) => string[] {
  let made = 0
  return (...names) => {
    made++
    return names.map((name) => `${name}-${made}`)
  }
}

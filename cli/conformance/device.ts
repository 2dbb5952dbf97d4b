/** One device on one socket: sends frames, and waits for frames. Knows the protocol, and nothing of ours. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { composeMessage, type Frame, textBody } from './message.ts'

export const SUBPROTOCOL = 'triptick.v1'

export type Match = Frame | ((frame: Frame) => boolean)

export interface Device {
  readonly userId: string
  readonly deviceId: string
  readonly socket: WebSocket
  /** Everything so far, arrays taken apart. */
  readonly frames: readonly Frame[]
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  raw(data: string | Buffer): void
  send(frame: Frame | readonly Frame[]): void
  /** The first frame that matches, of those that came and of those to come. */
  get(match: Match): Promise<Frame>
  all(match: Match): readonly Frame[]
  /**
   * Sends a frame with a `ref` of its own, and resolves with what answers it: an error too. What the server calls retryable is
   * sent again when it says, as a careful client does.
   */
  ask(frame: Frame): Promise<Frame>
  /** Sends a text; resolves with its `sent`. */
  say(conversationId: string, text: string): Promise<Frame>
  /** Everything that was asked before has been answered. */
  settled(): Promise<void>
  close(): Promise<void>
}

export interface OpenOptions {
  /** `ws://host:port` */
  readonly url: string
  readonly userId: string
  readonly headers?: Readonly<Record<string, string>>
  /** Beside our own. */
  readonly subprotocols?: readonly string[]
  /** Of the query; without it the device is called `default`. */
  readonly device?: string
  /** More of the query. */
  readonly query?: Readonly<Record<string, string>>
  readonly patienceMs: number
}

/** Resolves when the socket is open. Rejects with a `Refused`. */
export async function openDevice(options: OpenOptions): Promise<Device> {
  const { userId, patienceMs, device: deviceId = 'default' } = options
  const named = options.device === undefined ? {} : { device: options.device }
  const query = new URLSearchParams({ ...named, ...options.query })
  const socket = new WebSocket(
    `${options.url}/v1/ws?${query}`,
    [SUBPROTOCOL, ...(options.subprotocols ?? [])],
    options.headers ? { headers: { ...options.headers } } : {},
  )
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    const value = JSON.parse(String(data))
    frames.push(...(Array.isArray(value) ? value : [value]))
    for (const look of waiting) look()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: String(reason) })
      for (const look of waiting) look()
    })
  })
  await opened(socket)

  let refs = 0
  const device: Device = {
    userId,
    deviceId,
    socket,
    frames,
    closed,
    raw: (data) => socket.send(data),
    send: (frame) => socket.send(JSON.stringify(frame)),
    get: (match) =>
      new Promise((resolve, reject) => {
        const done = (settle: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          settle()
        }
        const fail = (why: string) => {
          const last = JSON.stringify(frames.slice(-4))
          const wanted = typeof match === 'function' ? match.toString() : JSON.stringify(match)
          done(() =>
            reject(new assert.AssertionError({ message: `no ${wanted} ${why}; the last were ${last}` })),
          )
        }
        const look = () => {
          const found = frames.find(matcher(match))
          if (found) done(() => resolve(found))
          else if (socket.readyState === WebSocket.CLOSED) fail('before the socket closed')
        }
        const timer = setTimeout(() => fail(`within ${patienceMs} ms`), patienceMs)
        waiting.add(look)
        look()
      }),
    all: (match) => frames.filter(matcher(match)),
    ask: async (frame) => {
      const end = Date.now() + patienceMs
      for (;;) {
        const ref = `ask ${++refs}`
        device.send({ ...frame, ref })
        const answer = await device.get({ ref })
        if (answer.t !== 'error' || !answer.retryable || Date.now() > end) return answer
        await sleep(answer.retryAfterMs ?? 1000)
      }
    },
    say: async (conversationId, text) => {
      const answer = await device.ask({
        t: 'send',
        ...composeMessage(device, conversationId, textBody(text)),
      })
      assert.equal(answer.t, 'sent', JSON.stringify(answer))
      return answer
    },
    settled: async () => {
      const pongs = device.all({ t: 'pong' }).length
      device.send({ t: 'ping' })
      await device.get(() => device.all({ t: 'pong' }).length > pongs)
    },
    close: async () => {
      socket.close()
      await closed
    },
  }
  return device
}

/** The upgrade was answered with a status instead. */
export class Refused extends Error {
  readonly status: number
  constructor(status: number) {
    super(`the upgrade was answered with ${status}`)
    this.status = status
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => {
      response.resume()
      reject(new Refused(response.statusCode ?? 0))
      socket.terminate()
    })
  })
}

function matcher(match: Match): (frame: Frame) => boolean {
  if (typeof match === 'function') return match as (frame: Frame) => boolean
  return (frame) => Object.entries(match).every(([key, value]) => frame[key] === value)
}

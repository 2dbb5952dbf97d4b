/** One of many sockets of a generator. Raw `ws`, since it shares the cores with what it measures; comes again when it is told to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface Person {
  readonly userId: string
  readonly token: string
}

/** As much of a server frame as the benches look at. */
export interface Heard {
  readonly t: string
  readonly ref?: unknown
  readonly conversationId?: string
  readonly seq?: number
  readonly messageId?: string
  readonly senderId?: string
  readonly userId?: string
  readonly kind?: string
  readonly upTo?: number
  readonly code?: string
  readonly retryable?: boolean
  readonly retryAfterMs?: number
}

const DEVICE = 'default'
/** A server that is asked for more than it takes says when to come again; a client that follows it gets in. */
const PATIENCE_MS = 120_000

/**
 * Resolves when the socket is `live`; everything before has been heard then.
 * @param localAddress to come from; by default the system chooses.
 */
export async function openSocket(
  url: string,
  { token }: Person,
  onFrames: (frames: readonly Heard[], socket: WebSocket) => void,
  localAddress?: string,
): Promise<WebSocket> {
  const deadline = performance.now() + PATIENCE_MS
  while (true) {
    const opened = await tryOpen(url, token, onFrames, localAddress)
    if (opened instanceof WebSocket) return opened
    if (performance.now() + opened.retryAfterMs > deadline)
      throw new Error('the server takes no more sockets')
    await sleep(opened.retryAfterMs)
  }
}

function tryOpen(
  url: string,
  token: string,
  onFrames: (frames: readonly Heard[], socket: WebSocket) => void,
  localAddress: string | undefined,
): Promise<WebSocket | { readonly retryAfterMs: number }> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/ws?device=${DEVICE}`, 'triptick.v1', {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    skipUTF8Validation: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  })
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (request, { statusCode, headers }) => {
      request.destroy()
      const seconds = Number(headers['retry-after'])
      if (statusCode !== 503 && statusCode !== 429)
        reject(new Error(`a socket was refused with ${statusCode}`))
      else resolve({ retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 1000 })
    })
    socket.on('error', reject)
    socket.on('close', (code, reason) => reject(new Error(`a socket was closed (${code} ${reason})`)))
    socket.on('message', (data) => {
      const parsed = JSON.parse(String(data)) as Heard | readonly Heard[]
      const frames = Array.isArray(parsed) ? (parsed as readonly Heard[]) : [parsed as Heard]
      onFrames(frames, socket)
      if (frames.some(({ t }) => t === 'live')) resolve(socket)
    })
  })
}

/** So many at a time, so that connecting is not what is measured. */
export async function inTurns<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    await Promise.all(items.slice(from, from + atOnce).map((item, index) => work(item, from + index)))
  }
}

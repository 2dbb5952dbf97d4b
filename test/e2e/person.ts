/**
 * A person with one device, as a careful client: it comes back when its connection breaks, sends again what was not answered
 * and acknowledges what it has. Written from `protocol.md` alone; notes everything that should not be.
 */
import WebSocket from 'ws'
import { type Frame, textFrame } from '../support/chat.ts'
import type { TokenFor } from './http.ts'

export interface Sent {
  readonly frame: Frame
  readonly answer: Frame
}

export interface Watermarks {
  delivered: number
  read: number
}

export interface Person {
  readonly userId: string
  readonly deviceId: string
  /** Resolves when live; from then on comes back by itself, each time to the next of the urls. */
  come(urls: readonly string[]): Promise<void>
  leave(): Promise<void>
  /** The node that holds the socket. */
  node(): string
  /** Resolves when it is answered, however often it has to be sent. */
  say(conversationId: string, text: string): Promise<Sent>
  /** The very same frame once more. */
  repeat(sent: Sent): Promise<Frame>
  readonly sent: readonly Sent[]
  /** Messages of others in the order in which they first came. */
  received(conversationId: string): readonly Frame[]
  /** What others have acknowledged of this conversation, and this person's own other devices. */
  watermarks(conversationId: string, userId: string): Watermarks
  /** Reads what is there, and from now on everything that comes, if `always`. */
  read(conversationId: string): void
  /** Everything that came over the socket in use. */
  readonly frames: readonly Frame[]
  readonly problems: readonly string[]
  /** Code of each close that was not asked for. */
  readonly closes: readonly number[]
}

export interface PersonOptions {
  readonly userId: string
  readonly deviceId?: string
  readonly tokenFor: TokenFor
  /** Reads everything at once. */
  readonly eager?: boolean
}

interface Waiting {
  readonly frame: Frame
  answered(answer: Frame): void
}

const ACKNOWLEDGE_MS = 15
const COME_BACK_MS = 100

export function createPerson(options: PersonOptions): Person {
  const { userId, deviceId = 'phone', tokenFor, eager = false } = options
  const received = new Map<string, Frame[]>()
  const marks = new Map<string, Watermarks>()
  const waiting = new Map<string, Waiting>()
  const sent: Sent[] = []
  const problems: string[] = []
  const closes: number[] = []
  /** Acknowledgements that are due or not answered yet: kind and conversation → upTo. */
  const due = new Map<string, number>()
  let frames: Frame[] = []
  let socket: WebSocket | undefined
  let wanted: { readonly urls: readonly string[] } | undefined
  let turn = 0
  let refs = 0
  let acknowledging = false
  let live: (() => void) | undefined
  /** Highest seq of each conversation over this socket. */
  let inOrder = new Map<string, number>()

  const transmit = (frame: Frame) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
  }

  async function connect(): Promise<void> {
    if (!wanted) return
    const url = wanted.urls[turn++ % wanted.urls.length] as string
    const token = await tokenFor(userId)
    const made = new WebSocket(`${url.replace('http', 'ws')}/v1/ws?device=${deviceId}`, 'triptick.v1', {
      headers: { authorization: `Bearer ${token}` },
    })
    socket = made
    frames = []
    inOrder = new Map()
    made.on('message', (data) => {
      const value = JSON.parse(String(data))
      for (const frame of Array.isArray(value) ? value : [value]) hear(frame)
    })
    made.on('error', () => {})
    made.on('close', (code, reason) => {
      if (socket !== made || !wanted) return
      closes.push(code)
      const { retryAfterMs = COME_BACK_MS } = code === 1012 ? JSON.parse(String(reason)) : {}
      setTimeout(connect, retryAfterMs)
    })
  }

  function hear(frame: Frame): void {
    frames.push(frame)
    if (frame.t === 'message') return hearMessage(frame)
    if (frame.t === 'receipt') hearReceipt(frame)
    if (frame.t === 'live') {
      transmit({ t: 'ack', position: frame.position })
      // What was not answered before the connection broke, unchanged.
      for (const { frame: again } of waiting.values()) transmit(again)
      acknowledge()
      live?.()
    }
    const asked = frame.ref === undefined ? undefined : waiting.get(frame.ref)
    if (!asked) {
      if (frame.t === 'error') hearRefusal(frame)
      return
    }
    if (frame.t === 'error' && frame.retryable) {
      setTimeout(() => transmit(asked.frame), frame.retryAfterMs ?? COME_BACK_MS)
      return
    }
    if (frame.t === 'error') problems.push(JSON.stringify(frame))
    waiting.delete(frame.ref)
    asked.answered(frame)
  }

  /** Of an acknowledgement, or of nothing that was asked. */
  function hearRefusal(frame: Frame): void {
    if (frame.retryable) setTimeout(acknowledge, frame.retryAfterMs ?? COME_BACK_MS)
    else problems.push(JSON.stringify(frame))
  }

  function hearMessage(frame: Frame): void {
    const { conversationId, seq } = frame
    if (seq <= (inOrder.get(conversationId) ?? 0))
      problems.push(`${seq} came twice, or late, over one socket`)
    inOrder.set(conversationId, seq)
    const list = received.get(conversationId) ?? []
    received.set(conversationId, list)
    const known = list.find((one) => one.seq === seq)
    if (known && known.messageId !== frame.messageId) problems.push(`${seq} was another message before`)
    if (known) return
    if (seq < (list.at(-1)?.seq ?? 0)) problems.push(`${seq} first came after ${list.at(-1)?.seq}`)
    list.push(frame)
    due.set(`delivered ${conversationId}`, seq)
    if (eager) due.set(`read ${conversationId}`, seq)
    if (acknowledging) return
    acknowledging = true
    setTimeout(acknowledge, ACKNOWLEDGE_MS)
  }

  function hearReceipt({ conversationId, userId: of, kind, upTo, ref }: Frame): void {
    const place = `${kind} ${conversationId}`
    if (ref !== undefined && of === userId && due.get(place) === upTo) due.delete(place)
    const mark = watermarks(conversationId, of)
    if (kind === 'read') mark.read = Math.max(mark.read, upTo)
    mark.delivered = Math.max(mark.delivered, upTo)
  }

  /** Everything that is not known to be recorded; ranges, so only the furthest counts. */
  function acknowledge(): void {
    acknowledging = false
    for (const [place, upTo] of due) {
      const [kind, conversationId] = place.split(' ')
      transmit({ t: kind, conversationId, upTo, ref: `${kind} ${upTo}` })
    }
  }

  function watermarks(conversationId: string, of: string): Watermarks {
    const place = `${conversationId} ${of}`
    const mark = marks.get(place) ?? { delivered: 0, read: 0 }
    marks.set(place, mark)
    return mark
  }

  function ask(frame: Frame): Promise<Frame> {
    return new Promise((answered) => {
      waiting.set(frame.ref, { frame, answered })
      transmit(frame)
    })
  }

  return {
    userId,
    deviceId,
    async come(urls) {
      const isLive = new Promise<void>((resolve) => {
        live = resolve
      })
      wanted = { urls }
      turn = 0
      await connect()
      await isLive
    },
    async leave() {
      wanted = undefined
      const left = socket
      if (!left || left.readyState === WebSocket.CLOSED) return
      const closed = new Promise((resolve) => left.once('close', resolve))
      left.close()
      await closed
    },
    node: () => frames.find(({ t }) => t === 'welcome')?.node,
    async say(conversationId, text) {
      const frame = textFrame({ userId, deviceId }, conversationId, text, `say ${++refs}`)
      const answer = await ask(frame)
      const done = { frame, answer }
      sent.push(done)
      return done
    },
    repeat: ({ frame }) => ask({ ...frame, ref: `again ${++refs}` }),
    sent,
    received: (conversationId) => received.get(conversationId) ?? [],
    watermarks,
    read(conversationId) {
      const upTo = received.get(conversationId)?.at(-1)?.seq
      if (upTo === undefined) return
      due.set(`read ${conversationId}`, upTo)
      acknowledge()
    },
    get frames() {
      return frames
    },
    problems,
    closes,
  }
}

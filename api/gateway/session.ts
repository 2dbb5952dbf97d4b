/**
 * One device on one socket: what it has been sent, and whether it can take more. Sends what it is given, in order and
 * without gap; knows nothing of commands and databases.
 *
 *   catching-up ──settled──▶ live ──gap not mended, or reader too slow──▶ behind ──catch up again──▶ catching-up
 *        │                     │                                             │
 *        └─────────────────────┴───────────── socket closes ─────────────────┴──▶ closed
 *
 * - catching-up: what happens meanwhile waits in `pending`, and is sent when the missed has been.
 * - live: what happens is sent as it happens. A frame that overtook another of its conversation between nodes is early: it is
 *   held until the other comes, by itself or from the ledger (`gaps.ts`); other conversations go on.
 * - behind: something was left out; nothing is sent until it has been caught up with.
 */
import type { WebSocket } from 'ws'
import { type ConversationId, type DeviceId, NO_SEQ, type Seq, type UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import type { Attendance } from '../presence/attendance.ts'
import { createOutbox, type Outbox } from './outbox.ts'

/** Where a frame stands in its conversation; receipts stand nowhere. */
export interface Place {
  readonly conversationId: ConversationId
  /** Last seq before this fact. */
  readonly seqBefore: Seq
  /** Present for a message. */
  readonly seq?: Seq
  /** At or after the position of the conversation's fact before this one. */
  readonly previousPosition: Position
  /** The conversation begins here for this person: nothing before is missing. */
  readonly begins?: boolean
  /** Somebody came or went: what this node knows of the members is out of date. */
  readonly membership?: { readonly userId: UserId; readonly change: 'joined' | 'left' }
}

export interface Delivery {
  readonly json: string
  readonly place?: Place
  /** This device knows it already; it only moves on. */
  readonly exceptDevice?: DeviceId
  /** Somebody else has read: not for who hides what they read themselves. */
  readonly reading?: true
  /** Somebody is typing: who, and where. The first thing that is left out. */
  readonly typing?: string
}

export type SessionMode = 'catching-up' | 'live' | 'behind' | 'closed'

/** One device at one node, on a socket (here) or by long poll (`poll-session.ts`). */
export interface Session {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Unix seconds at which its token ends; later once it was renewed. */
  expiresAt: number
  /** That of its token, if it came from a built-in account. */
  loginId: string | undefined
  readonly mode: SessionMode
  /** Everything at or before it has been sent. */
  readonly position: Position
  readonly backlog: number
  /** When its client last gave a sign of life; milliseconds of `performance.now()`. */
  readonly heardAt: number
  /** Whether what is delivered now goes out to somebody: nobody is there between two long polls. */
  readonly isThere: boolean
  /** Asks its client for a sign of life. */
  ping(): void
  /** Ends it without a word: its client is gone. */
  terminate(): void
  /** Pushes may have been lost: look for what it was not sent. */
  resync(): void
  /** Something happened that concerns this person. */
  deliver(delivery: Delivery): void
  /** An answer, or a frame of catching up: sent in any mode. */
  send(json: string): void
  /** The last message of a conversation that this session was sent, if any was. */
  sentUpTo(conversationId: ConversationId): Seq
  /** A missed message that is about to be sent. */
  markSent(conversationId: ConversationId, seq: Seq): void
  /** Whether frames of this conversation are held because one before them has not come. */
  isMissing(conversationId: ConversationId): boolean
  /** Something was left out that cannot be mended frame by frame. */
  fallBehind(): void
  /** Pushes may have been lost: until it has caught up, nobody knows what it was sent. */
  doubted: boolean
  /** Of several sessions of this device the highest stays (`claims.ts`); taken while the session is started. */
  claim: bigint | undefined
  /** What is known of its person's being here; set when it is in the hub. */
  attendance: Attendance | undefined
  startCatchingUp(): void
  /** The missed has been sent up to `position`: send what waited. `false` if something is missing again. */
  settle(position: Position, live: string): boolean
  flush(): void
  /** Sends what waits and closes; nothing that comes afterwards is carried out. */
  close(code: number, reason: string): void
  closed(): void
}

export interface SocketSession extends Session {
  readonly socket: WebSocket
  heard(): void
}

interface SessionDeps {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly socket: WebSocket
  readonly expiresAt: number
  readonly scheduleFlush: (session: Session) => void
  /** Called once each time the session falls behind. */
  readonly onBehind: (session: Session) => void
  /** Called when a frame is held because one before it is missing, once until the conversation is whole again. */
  readonly onGap: (session: Session, conversationId: ConversationId) => void
  readonly onResync: (session: Session) => void
}

/** A reader that has not taken this much is too slow to be pushed to. */
export const MAX_BACKLOG_BYTES = 1024 * 1024
/** A reader who has not taken this much has no use for who is typing. */
const TYPING_BACKLOG_BYTES = 16 * 1024
/** What may wait while a session catches up; beyond it the session catches up once more. */
const MAX_PENDING = 2000
/** Early frames that a session holds; more are no longer a matter of overtaking. */
const MAX_EARLY = 500

export function createSession(deps: SessionDeps): SocketSession {
  const { socket, userId, deviceId } = deps
  let mode: SessionMode = 'catching-up'
  let position = BEGINNING
  let heardAt = performance.now()
  let pending: Delivery[] = []
  /** Only conversations in which something happened since; idle sockets have none. */
  let sent: Map<ConversationId, Seq> | undefined

  const outbox: Outbox = createOutbox(socket, () => deps.scheduleFlush(session))

  /** Only while something is missing; in the order in which they came. */
  let early: Map<ConversationId, readonly Delivery[]> | undefined
  let earlyCount = 0

  function fallBehind(): void {
    if (mode === 'closed' || mode === 'behind') return
    mode = 'behind'
    forgetWaiting()
    deps.onBehind(session)
  }

  function forgetWaiting(): void {
    pending = []
    early = undefined
    earlyCount = 0
  }

  /** What to do with a frame at this place: send it, leave it out (sent before), or hold it for the one before it. */
  function judge(place: Place): 'send' | 'known' | 'early' {
    const { conversationId, seqBefore, seq, previousPosition, begins } = place
    let upTo = sent?.get(conversationId)
    // It may begin while a session catches up, and be told after messages of it have been sent already.
    if (begins) upTo = Math.max(upTo ?? 0, seqBefore) as Seq
    if (upTo === undefined) {
      if (previousPosition > position) return 'early'
      upTo = seqBefore
    }
    if (seqBefore > upTo) return 'early'
    if (seq !== undefined && seq <= upTo) return 'known'
    remember(conversationId, seq ?? upTo)
    return 'send'
  }

  function remember(conversationId: ConversationId, seq: Seq): void {
    sent ??= new Map()
    sent.set(conversationId, seq)
  }

  function deliverNow(delivery: Delivery): void {
    if (outbox.backlog > MAX_BACKLOG_BYTES) return fallBehind()
    const { place } = delivery
    if (!place) return push(delivery)
    const judged = judge(place)
    if (judged === 'early') return hold(delivery, place.conversationId)
    if (judged === 'send') push(delivery)
    if (early?.has(place.conversationId)) releaseEarly(place.conversationId)
  }

  function push({ json, exceptDevice, reading }: Delivery): void {
    if (reading && session.attendance?.privacy.readReceipts === 'hidden') return
    if (exceptDevice !== deviceId) outbox.push(json)
  }

  function hold(delivery: Delivery, conversationId: ConversationId): void {
    if (earlyCount >= MAX_EARLY) return fallBehind()
    earlyCount++
    early ??= new Map()
    const held = early.get(conversationId)
    early.set(conversationId, [...(held ?? []), delivery])
    if (!held) deps.onGap(session, conversationId)
  }

  /** Sends of the held frames what follows on what has been sent. */
  function releaseEarly(conversationId: ConversationId): void {
    const held = early?.get(conversationId) ?? []
    const inOrder = held.toSorted((a, b) => (a.place?.seqBefore ?? 0) - (b.place?.seqBefore ?? 0))
    const still = inOrder.filter((delivery) => {
      const judged = judge(delivery.place as Place)
      if (judged === 'send') push(delivery)
      return judged === 'early'
    })
    earlyCount -= held.length - still.length
    if (still.length > 0) early?.set(conversationId, still)
    else early?.delete(conversationId)
  }

  const session: SocketSession = {
    userId,
    deviceId,
    socket,
    expiresAt: deps.expiresAt,
    get mode() {
      return mode
    },
    get position() {
      return position
    },
    get backlog() {
      return outbox.backlog
    },
    get heardAt() {
      return heardAt
    },
    heard: () => {
      heardAt = performance.now()
    },
    isThere: true,
    ping: () => socket.ping(),
    terminate: () => socket.terminate(),
    resync: () => {
      if (mode !== 'closed') deps.onResync(session)
    },
    deliver: (delivery) => {
      if (delivery.typing !== undefined && (mode !== 'live' || outbox.backlog > TYPING_BACKLOG_BYTES)) return
      if (mode === 'live') deliverNow(delivery)
      else if (mode === 'catching-up') {
        if (pending.length < MAX_PENDING) pending.push(delivery)
        else fallBehind()
      }
    },
    send: (json) => {
      if (mode !== 'closed') outbox.push(json)
    },
    sentUpTo: (conversationId) => sent?.get(conversationId) ?? NO_SEQ,
    markSent: (conversationId, seq) => {
      if (seq > (sent?.get(conversationId) ?? NO_SEQ)) remember(conversationId, seq)
    },
    isMissing: (conversationId) => early?.has(conversationId) ?? false,
    fallBehind,
    loginId: undefined,
    doubted: false,
    claim: undefined,
    attendance: undefined,
    startCatchingUp: () => {
      if (mode === 'closed') return
      // What is held is in the ledger already, and so in what is about to be read.
      if (mode === 'live') forgetWaiting()
      mode = 'catching-up'
    },
    settle: (upTo, live) => {
      if (mode !== 'catching-up') return false
      position = upTo
      mode = 'live'
      session.doubted = false
      outbox.push(live)
      const waited = pending
      pending = []
      for (const delivery of waited) if ((mode as SessionMode) === 'live') deliverNow(delivery)
      return true
    },
    flush: () => outbox.flush(),
    close: (code, reason) => {
      if (mode === 'closed') return
      outbox.flush()
      session.closed()
      socket.close(code, reason)
    },
    closed: () => {
      mode = 'closed'
      forgetWaiting()
    },
  }
  return session
}

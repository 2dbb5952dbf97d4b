/**
 * One device on one socket: what it has been sent, and whether it can take more. Sends what it is given, in order and
 * without gap; knows nothing of commands and databases.
 *
 *   catching-up ──settled──▶ live ──gap, or reader too slow──▶ behind ──catch up again──▶ catching-up
 *        │                     │                                  │
 *        └─────────────────────┴────── socket closes ─────────────┴──▶ closed
 *
 * - catching-up: what happens meanwhile waits in `pending`, and is sent when the missed has been.
 * - live: what happens is sent as it happens.
 * - behind: something was left out; nothing is sent until it has been caught up with.
 */
import type { WebSocket } from 'ws'
import { type ConversationId, type DeviceId, NO_SEQ, type Seq, type UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
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
}

export interface Delivery {
  readonly json: string
  readonly place?: Place
  /** This device knows it already; it only moves on. */
  readonly exceptDevice?: DeviceId
}

export type SessionMode = 'catching-up' | 'live' | 'behind' | 'closed'

export interface Session {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly socket: WebSocket
  /** Unix seconds at which its token ends. */
  readonly expiresAt: number
  readonly mode: SessionMode
  /** Everything at or before it has been sent. */
  readonly position: Position
  readonly backlog: number
  /** When its client last gave a sign of life; milliseconds of `performance.now()`. */
  readonly heardAt: number
  heard(): void
  /** Something happened that concerns this person. */
  deliver(delivery: Delivery): void
  /** An answer, or a frame of catching up: sent in any mode. */
  send(json: string): void
  /** The last message of a conversation that this session was sent, if any was. */
  sentUpTo(conversationId: ConversationId): Seq
  /** A missed message that is about to be sent. */
  markSent(conversationId: ConversationId, seq: Seq): void
  startCatchingUp(): void
  /** The missed has been sent up to `position`: send what waited. `false` if something is missing again. */
  settle(position: Position, live: string): boolean
  flush(): void
  /** Sends what waits and closes; nothing that comes afterwards is carried out. */
  close(code: number, reason: string): void
  closed(): void
}

interface SessionDeps {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly socket: WebSocket
  readonly expiresAt: number
  readonly scheduleFlush: (session: Session) => void
  /** Called once each time the session falls behind. */
  readonly onBehind: (session: Session) => void
}

/** A reader that has not taken this much is too slow to be pushed to. */
export const MAX_BACKLOG_BYTES = 1024 * 1024
/** What may wait while a session catches up; beyond it the session catches up once more. */
const MAX_PENDING = 2000

export function createSession(deps: SessionDeps): Session {
  const { socket, userId, deviceId } = deps
  let mode: SessionMode = 'catching-up'
  let position = BEGINNING
  let heardAt = performance.now()
  let pending: Delivery[] = []
  /** Only conversations in which something happened since; idle sockets have none. */
  let sent: Map<ConversationId, Seq> | undefined

  const outbox: Outbox = createOutbox(socket, () => deps.scheduleFlush(session))

  function fallBehind(): void {
    mode = 'behind'
    pending = []
    deps.onBehind(session)
  }

  /** What to do with a frame at this place: send it, leave it out (sent before), or catch up first. */
  function judge(place: Place): 'send' | 'known' | 'gap' {
    const { conversationId, seqBefore, seq, previousPosition, begins } = place
    let upTo = sent?.get(conversationId)
    // It may begin while a session catches up, and be told after messages of it have been sent already.
    if (begins) upTo = Math.max(upTo ?? 0, seqBefore) as Seq
    if (upTo === undefined) {
      if (previousPosition > position) return 'gap'
      upTo = seqBefore
    }
    if (seqBefore > upTo) return 'gap'
    if (seq !== undefined && seq <= upTo) return 'known'
    remember(conversationId, seq ?? upTo)
    return 'send'
  }

  function remember(conversationId: ConversationId, seq: Seq): void {
    sent ??= new Map()
    sent.set(conversationId, seq)
  }

  function deliverNow({ json, place, exceptDevice }: Delivery): void {
    const judged = outbox.backlog > MAX_BACKLOG_BYTES ? 'gap' : place ? judge(place) : 'send'
    if (judged === 'gap') fallBehind()
    else if (judged === 'send' && exceptDevice !== deviceId) outbox.push(json)
  }

  const session: Session = {
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
    deliver: (delivery) => {
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
    startCatchingUp: () => {
      if (mode !== 'closed') mode = 'catching-up'
    },
    settle: (upTo, live) => {
      if (mode !== 'catching-up') return false
      position = upTo
      mode = 'live'
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
      pending = []
    },
  }
  return session
}

/**
 * One device on one socket. Sends what it is given, in order and without gap (`session.ts` draws its states); knows nothing of
 * commands and databases.
 */
import type { WebSocket } from 'ws'
import { type ConversationId, type DeviceId, NO_SEQ, type Seq, type UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import type { MessageFrame } from '../../protocol/server-frames.ts'
import type { Attendance } from '../presence/attendance.ts'
import { Outbox } from './outbox.ts'
import { type Delivery, MAX_BACKLOG_BYTES, type Place, type Session, type SessionMode } from './session.ts'
import { ToldFacts } from './told-facts.ts'

/** What a session tells its gateway; the same object for all of them. */
export interface SessionEvents {
  scheduleFlush(session: Session): void
  /** Called once each time the session falls behind. */
  onBehind(session: Session): void
  /** Called when a frame is held because one before it is missing, once until the conversation is whole again. */
  onGap(session: Session, conversationId: ConversationId): void
  onResync(session: Session): void
  onNudge(session: Session): void
}

interface SocketSessionDeps {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly socket: WebSocket
  readonly expiresAt: number
  readonly events: SessionEvents
}

/** A reader who has not taken this much has no use for who is typing. */
const TYPING_BACKLOG_BYTES = 16 * 1024
/** What may wait while a session catches up; beyond it the session catches up once more. */
const MAX_PENDING = 2000
/** Early frames that a session holds; more are no longer a matter of overtaking. */
const MAX_EARLY = 500

const NOTHING: Delivery[] = []
const NONE: ReadonlySet<string> = new Set()

/**
 * A class, because there are tens of thousands: as an object of closures, 30 of them and what they close over, an idle session
 * took 4,230 bytes, as much again as its socket; like this it takes 270.
 */
export class SocketSession implements Session {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly socket: WebSocket
  expiresAt: number
  loginId: string | undefined
  doubted = false
  claim: bigint | undefined
  attendance: Attendance | undefined

  readonly #events: SessionEvents
  readonly #outbox: Outbox
  #mode: SessionMode = 'arriving'
  #position = BEGINNING
  #heardAt = performance.now()
  /** `NOTHING` until something is. */
  #pending = NOTHING
  /** Only conversations in which something happened since; idle sockets have none. */
  #sent: Map<ConversationId, Seq> | undefined
  /** Only where there was any. */
  #told: ToldFacts | undefined
  /** Only while something is missing; in the order in which they came. */
  #early: Map<ConversationId, readonly Delivery[]> | undefined
  #earlyCount = 0

  constructor({ userId, deviceId, socket, expiresAt, events }: SocketSessionDeps) {
    this.userId = userId
    this.deviceId = deviceId
    this.socket = socket
    this.expiresAt = expiresAt
    this.#events = events
    this.#outbox = new Outbox(socket)
  }

  get mode(): SessionMode {
    return this.#mode
  }

  get position(): Position {
    return this.#position
  }

  get isThere(): boolean {
    // A socket that was closed may wait for its client for half a minute.
    return this.#mode !== 'closed'
  }

  get isPolling(): false {
    return false
  }

  get backlog(): number {
    return this.#outbox.backlog
  }

  get heardAt(): number {
    return this.#heardAt
  }

  heard(): void {
    this.#heardAt = performance.now()
  }

  ping(): void {
    this.socket.ping()
  }

  terminate(): void {
    this.socket.terminate()
  }

  resync(): void {
    // What it missed while it arrives is read when it has.
    if (this.#mode !== 'closed' && this.#mode !== 'arriving') this.#events.onResync(this)
  }

  nudge(): void {
    // While it catches up it is being sent what the nudge is about.
    if (this.#mode === 'live' || this.#mode === 'behind') this.#events.onNudge(this)
  }

  deliver(delivery: Delivery): void {
    const mode = this.#mode
    if (delivery.typing !== undefined && (mode !== 'live' || this.backlog > TYPING_BACKLOG_BYTES)) return
    if (mode === 'live') this.#deliverNow(delivery)
    else if (mode === 'catching-up' || mode === 'arriving') {
      if (this.#pending.length >= MAX_PENDING) return this.#overflow()
      if (this.#pending === NOTHING) this.#pending = [delivery]
      else this.#pending.push(delivery)
    }
  }

  send(json: string): void {
    if (this.#mode !== 'closed') this.#push(json)
  }

  sentUpTo(conversationId: ConversationId): Seq {
    return this.#sent?.get(conversationId) ?? NO_SEQ
  }

  markSent(conversationId: ConversationId, seq: Seq): void {
    if (seq > this.sentUpTo(conversationId)) this.#remember(conversationId, seq)
  }

  wasTold(conversationId: ConversationId, json: string): boolean {
    return this.#told?.has(conversationId, json) ?? false
  }

  isMissing(conversationId: ConversationId): boolean {
    return this.#early?.has(conversationId) ?? false
  }

  fallBehind(): void {
    if (this.#mode === 'closed' || this.#mode === 'behind') return
    this.#mode = 'behind'
    this.#forgetWaiting()
    this.#events.onBehind(this)
  }

  #overflow(): void {
    if (this.#mode === 'arriving') this.#forgetWaiting()
    else this.fallBehind()
  }

  startCatchingUp(): boolean {
    if (this.#mode === 'closed') return false
    const wasHolding = this.#earlyCount > 0
    if (this.#mode === 'live') this.#forgetWaiting()
    this.#mode = 'catching-up'
    return wasHolding
  }

  settle(upTo: Position, live: string, told: ReadonlySet<string> = NONE): boolean {
    if (this.#mode !== 'catching-up') return false
    this.#position = upTo
    this.#mode = 'live'
    this.doubted = false
    this.#push(live)
    const waited = this.#pending
    this.#pending = NOTHING
    for (const delivery of waited) {
      if ((this.#mode as SessionMode) !== 'live') break
      this.#deliverNow(told.has(delivery.json) ? { ...delivery, exceptDevice: this.deviceId } : delivery)
    }
    return true
  }

  flush(): void {
    this.#outbox.flush()
  }

  close(code: number, reason: string): void {
    if (this.#mode === 'closed') return
    this.#outbox.flush()
    this.closed()
    this.socket.close(code, reason)
    // One that was not welcomed yet is paused: the answer to the close would not be read, and the connection end only after 30 s.
    this.socket.resume()
  }

  closed(): void {
    this.#mode = 'closed'
    this.#forgetWaiting()
  }

  #forgetWaiting(): void {
    this.#pending = NOTHING
    this.#early = undefined
    this.#earlyCount = 0
  }

  /** What to do with a frame at this place: send it, leave it out (sent before), or hold it for the one before it. */
  #judge(place: Place, json: string): 'send' | 'known' | 'early' {
    const { conversationId, seqBefore, seq, revision, position, previousPosition, begins } = place
    let upTo = this.#sent?.get(conversationId)
    // It may begin while a session catches up, and be told after messages of it have been sent already.
    if (begins) upTo = Math.max(upTo ?? 0, seqBefore) as Seq
    if (position !== undefined && position <= this.#position) {
      if (upTo !== undefined) this.#remember(conversationId, upTo)
      return 'known'
    }
    if (upTo === undefined) {
      if (previousPosition > this.#position) return 'early'
      upTo = seqBefore
    }
    if (seqBefore > upTo) return 'early'
    if (seq !== undefined && seq <= upTo) return 'known'
    if (revision !== undefined) {
      this.#told ??= new ToldFacts()
      if (!this.#told.add(conversationId, revision, json)) return 'known'
    }
    this.#remember(conversationId, seq ?? upTo)
    return 'send'
  }

  #remember(conversationId: ConversationId, seq: Seq): void {
    this.#sent ??= new Map()
    this.#sent.set(conversationId, seq)
  }

  #deliverNow(delivery: Delivery): void {
    if (this.backlog > MAX_BACKLOG_BYTES) return this.fallBehind()
    const { place } = delivery
    if (!place) return this.#pushDelivery(delivery)
    const judged = this.#judge(place, delivery.json)
    if (judged === 'early') return this.#hold(delivery, place.conversationId)
    if (judged === 'send') this.#pushDelivery(delivery)
    if (this.#early?.has(place.conversationId)) this.#releaseEarly(place.conversationId)
  }

  #pushDelivery({ json, exceptDevice, reading, goneAt }: Delivery): void {
    if (reading && this.attendance?.privacy.readReceipts === 'hidden') return
    if (exceptDevice === this.deviceId) return
    // It waited until its body was due: what is left of the message is sent.
    this.#push(goneAt !== undefined && Date.now() >= goneAt ? withoutBody(json) : json)
  }

  #push(json: string): void {
    if (this.#outbox.push(json)) this.#events.scheduleFlush(this)
  }

  #hold(delivery: Delivery, conversationId: ConversationId): void {
    if (this.#earlyCount >= MAX_EARLY) return this.fallBehind()
    this.#earlyCount++
    this.#early ??= new Map()
    const held = this.#early.get(conversationId)
    this.#early.set(conversationId, [...(held ?? []), delivery])
    if (!held) this.#events.onGap(this, conversationId)
  }

  /** Sends of the held frames what follows on what has been sent. */
  #releaseEarly(conversationId: ConversationId): void {
    const held = this.#early?.get(conversationId) ?? []
    const inOrder = held.toSorted((a, b) => (a.place?.seqBefore ?? 0) - (b.place?.seqBefore ?? 0))
    const still = inOrder.filter((delivery) => {
      const judged = this.#judge(delivery.place as Place, delivery.json)
      if (judged === 'send') this.#pushDelivery(delivery)
      return judged === 'early'
    })
    this.#earlyCount -= held.length - still.length
    if (still.length > 0) this.#early?.set(conversationId, still)
    else this.#early?.delete(conversationId)
  }
}

function withoutBody(json: string): string {
  const { body: _, ...frame } = JSON.parse(json) as MessageFrame
  return JSON.stringify({ ...frame, gone: 'expired' } satisfies MessageFrame)
}

/**
 * From a client's frame to a command and back to an answer. Every frame with a `ref` is answered, whatever happens, but for `typing` and `watch`:
 * theirs is carried by errors alone. Of what an array holds beside frames (`[0,0,…]`), a thousand errors would tell nobody more than one.
 */

import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { Answer } from '../../ledger/mailbox/contract.ts'
import { TooManyReads } from '../../ledger/mailbox/stream-reads.ts'
import {
  type AckFrame,
  type AcknowledgeFrame,
  type ClientFrame,
  clientFrame,
  type DeleteFrame,
  type PingFrame,
  type RenewFrame,
  type SendFrame,
  type TypingRequest,
  type WatchFrame,
} from '../../protocol/client-frames.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import { isTooLong } from '../../protocol/fields.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { Ref } from '../../protocol/server-frames.ts'
import { ANSWER_WITHIN_MS, answeredWithin } from '../answer-in-time.ts'
import { isValid, millisOf } from '../auth/identity.ts'
import type { HeldReceipts } from '../load/held-receipts.ts'
import type { Load } from '../load/load.ts'
import { acknowledgeCommand, deleteCommand, sendCommand } from '../messages/commands.ts'
import type { Presence } from '../presence/presence.ts'
import type { Typing } from '../presence/typing.ts'
import { ApiProblem, NotInTime, TOO_MUCH_WAITS } from '../problem.ts'
import { answer, refuse } from './answer.ts'
import type { FrameLimits } from './frame-limits.ts'
import { isOfKnownType, isOfUnknownType, parseJson, refOf, TYPES_OF_CLIENTS, typeOf } from './raw-frame.ts'
import type { Renew } from './renewal.ts'
import { MAX_BACKLOG_BYTES, type Session } from './session.ts'

export interface DispatchDeps {
  readonly handler: CommandHandler
  readonly load: Load
  readonly presence: Pick<Presence, 'did' | 'watch' | 'beforeReading'>
  readonly typing: Pick<Typing, 'typed'>
  readonly heldReceipts: Pick<HeldReceipts, 'turn'>
  /** This device has kept everything up to here. */
  readonly keep: (session: Session, position: Position) => void
  /** Up to where everything has been sent to this device. */
  readonly safePosition: (session: Session) => Position
  readonly renew: Renew
  readonly onFrame: (type: ClientFrame['t'] | 'bad') => void
  readonly report: (error: unknown) => void
}

export interface Dispatch {
  /** What came over a socket: a frame or an array of them, as JSON. @param text undefined for what came as a binary frame. */
  received(session: Session, limits: FrameLimits, text: string | undefined): void
  /** Frames that are parsed JSON. Resolves when each has been answered, as far as it has an answer. */
  frames(session: Session, limits: FrameLimits, frames: readonly unknown[]): Promise<void>
}

/** The array in which a frame came. */
interface FrameArray {
  /** Something in it that is no frame was told to wait. */
  told: boolean
}

/**
 * Beyond it nothing more is carried out for whoever does not read the answers. What is pushed or caught up with ends at half of it; the
 * other half is some 9,000 answers of an outburst, on top of what the kernel takes. Who leaves half of it for long, `heartbeat.ts` ends.
 */
const MAX_UNREAD_BYTES = 2 * MAX_BACKLOG_BYTES
/** What a client waits before it repeats something that was answered `unavailable`. */
const RETRY_UNAVAILABLE_MS = 1000

export function createDispatch(deps: DispatchDeps): Dispatch {
  const { handler, load, heldReceipts } = deps

  function received(session: Session, limits: FrameLimits, text: string | undefined): void {
    if (isOver(session)) return
    if (session.backlog > MAX_UNREAD_BYTES) {
      return session.close(CLOSE_CODES.tooSlow, 'too slow: connect again to catch up')
    }
    if (!isValid({ exp: session.expiresAt })) {
      return session.close(CLOSE_CODES.authenticationEnded, 'the token has ended')
    }
    if (text === undefined) return badFrame(session, limits, undefined, 'binary: send text frames')
    const parsed = parseJson(text)
    if (!parsed) return badFrame(session, limits, undefined, 'not JSON')
    const { value } = parsed
    if (!Array.isArray(value)) return void one(session, limits, value)
    if (value.length === 0) return badFrame(session, limits, undefined, 'no frame in the array')
    if (value.length > LIMITS.framesPerArray) {
      return badFrame(session, limits, undefined, `more than ${LIMITS.framesPerArray} frames in an array`)
    }
    const array: FrameArray = { told: false }
    for (const frame of value) if (!isOver(session)) one(session, limits, frame, array)
  }

  async function frames(session: Session, limits: FrameLimits, values: readonly unknown[]): Promise<void> {
    const array: FrameArray = { told: false }
    await Promise.all(
      values.map((value) => (isOver(session) ? undefined : one(session, limits, value, array))),
    )
  }

  /** Answers what is wrong with it at once, otherwise later; never rejects. */
  function one(
    session: Session,
    limits: FrameLimits,
    value: unknown,
    array?: FrameArray,
  ): Promise<void> | void {
    const type = typeOf(value)
    const waitMs = limits.take(type, performance.now())
    if (waitMs > 0) return putOff(session, limits, value, waitMs, array)
    if (type === 'send' && !load.allows('send')) {
      // Before anything is spent on it: under load it is refusing that has to be cheap.
      return refuse(session, refOf(value), 'overloaded', 'too much to do just now', load.retryAfterMs())
    }
    const parsed = clientFrame.safeParse(value)
    if (!parsed.success) {
      if (isOfUnknownType(value)) {
        // Of a newer protocol, perhaps: an error, but no reason to end the connection.
        deps.onFrame('bad')
        return refuse(
          session,
          refOf(value),
          'bad_frame',
          `unknown type of frame: there are ${TYPES_OF_CLIENTS}`,
        )
      }
      const where = parsed.error.issues[0]
      if (where?.code === 'custom' && isTooLong(where.params)) {
        return refuse(session, refOf(value), 'too_large', where.message)
      }
      return badFrame(session, limits, refOf(value), `${where?.path.join('.') || 'frame'}: ${where?.message}`)
    }
    deps.onFrame(parsed.data.t)
    if (DONE_BY_THE_PERSON.has(parsed.data.t)) deps.presence.did(session)
    return attempt(session, parsed.data, refOf(value))
  }

  /** Has to be cheap: whoever is beyond the limit can go on sending. */
  function putOff(
    session: Session,
    limits: FrameLimits,
    value: unknown,
    waitMs: number,
    array: FrameArray | undefined,
  ): void {
    const ref = refOf(value)
    const isAwaited = array === undefined || ref !== undefined || isOfKnownType(value)
    if (isAwaited || !array.told) refuse(session, ref, 'rate_limited', 'too many frames', waitMs)
    if (!isAwaited) array.told = true
    if (limits.limited(performance.now())) {
      session.close(CLOSE_CODES.badFrames, 'too many frames, however often told to wait')
    }
  }

  async function attempt(session: Session, frame: ClientFrame, ref: Ref | undefined): Promise<void> {
    try {
      await perform(session, frame)
    } catch (error) {
      if (error instanceof NotInTime) deps.report(error)
      if (error instanceof ApiProblem) {
        return refuse(session, ref, error.code, error.message, error.retryAfterMs)
      }
      if (error instanceof TooManyReads) return refuseForNow(session, ref)
      deps.report(error)
      refuse(session, ref, 'unavailable', 'something broke on our side', RETRY_UNAVAILABLE_MS)
    }
  }

  /** Not async: a promise that only passes another on costs each frame four allocations and three turns of the microtask queue. */
  function perform(session: Session, frame: ClientFrame): Promise<void> | void {
    switch (frame.t) {
      case 'send':
        return send(session, frame)
      case 'delivered':
      case 'read':
        return acknowledge(session, frame)
      case 'delete':
        return deleteMessage(session, frame)
      case 'typing':
        return typing(session, frame)
      case 'active':
        return
      case 'watch':
        return watch(session, frame)
      case 'ack':
        return keep(session, frame)
      case 'renew':
        return renew(session, frame)
      case 'ping':
        return ping(session, frame)
      default:
        return frame satisfies never
    }
  }

  async function send(session: Session, frame: SendFrame): Promise<void> {
    const { ref, conversationId, messageId } = frame
    const command = sendCommand(frame, session.userId, session.deviceId)
    if ('code' in command) return refuse(session, ref, command.code, command.message)
    const ended = load.began()
    const work = handler.converse(conversationId, command)
    // Not when it is given up: it is under way until it has ended.
    work.then(ended, ended)
    const answered = await answeredWithin(ANSWER_WITHIN_MS, work)
    if (answered.kind !== 'done') return refuseUnless(session, ref, answered)
    const { seq, at } = answered.result
    answer(session, { t: 'sent', ref, conversationId, messageId, seq, at })
  }

  async function acknowledge(session: Session, frame: AcknowledgeFrame): Promise<void> {
    const { t: kind, conversationId, upTo, ref } = frame
    const { userId, deviceId } = session
    const command = acknowledgeCommand(kind, conversationId, upTo, userId, deviceId)
    const deliver = () => handler.deliver(conversationId, command)
    const deliverInTurn = () => {
      const turn = heldReceipts.turn(kind, conversationId, session.mode === 'catching-up')
      return turn ? turn.then(deliver) : deliver()
    }
    const known = kind === 'read' ? deps.presence.beforeReading(userId) : undefined
    const work = known ? known.then(deliverInTurn) : deliverInTurn()
    const answered = await (ref === undefined ? work : answeredWithin(ANSWER_WITHIN_MS, work))
    if (answered.kind !== 'done') return refuseUnless(session, ref, answered)
    if (ref === undefined) return
    // Recorded together with a later one of its device, perhaps: what was asked is durable all the same.
    const { at } = answered.result
    answer(session, { t: 'receipt', ref, conversationId, userId, kind, upTo, at })
  }

  async function deleteMessage(session: Session, frame: DeleteFrame): Promise<void> {
    const { ref, conversationId, messageId } = frame
    const command = deleteCommand(messageId, session.userId, session.deviceId)
    const work = handler.converse(conversationId, command)
    const answered = await answeredWithin(ANSWER_WITHIN_MS, work)
    if (answered.kind !== 'done') return refuseUnless(session, ref, answered)
    answer(session, { t: 'deleted', ref, conversationId, messageId, ...answered.result })
  }

  async function typing(session: Session, { conversationId, ref }: TypingRequest): Promise<void> {
    const refusal = await deps.typing.typed(session.userId, conversationId)
    if (refusal) refuse(session, ref, refusal, 'you are in no such conversation')
  }

  function watch(session: Session, { userIds }: WatchFrame): void {
    deps.presence.watch(session, userIds)
  }

  function keep(session: Session, { position }: AckFrame): void {
    deps.keep(session, BigInt(position) as Position)
  }

  async function renew(session: Session, { ref, token }: RenewFrame): Promise<void> {
    const renewal = await deps.renew(session, token)
    if (renewal.kind === 'refused') return refuse(session, ref, renewal.code, renewal.message)
    const expiresAt = millisOf(renewal.identity)
    answer(session, { t: 'renewed', ...(ref === undefined ? {} : { ref }), expiresAt })
  }

  function ping(session: Session, { ref }: PingFrame): void {
    const position = String(deps.safePosition(session))
    answer(session, ref === undefined ? { t: 'pong', position } : { t: 'pong', ref, position })
  }

  function refuseUnless(
    session: Session,
    ref: Ref | undefined,
    answered: Exclude<Answer<never>, { kind: 'done' }>,
  ) {
    if (answered.kind === 'rejected') return refuse(session, ref, answered.code, answered.message)
    if (answered.kind === 'overloaded') return refuseForNow(session, ref)
    refuse(session, ref, 'unavailable', 'not known to be recorded; send it again', RETRY_UNAVAILABLE_MS)
  }

  const refuseForNow = (session: Session, ref: Ref | undefined): void =>
    refuse(session, ref, 'overloaded', TOO_MUCH_WAITS, load.retryAfterMs())

  function badFrame(session: Session, limits: FrameLimits, ref: Ref | undefined, message: string): void {
    deps.onFrame('bad')
    refuse(session, ref, 'bad_frame', message)
    if (limits.bad(performance.now())) session.close(CLOSE_CODES.badFrames, 'too many bad frames')
  }

  return { received, frames }
}

const isOver = (session: Session): boolean => session.mode === 'closed'

/** What a device does by itself (`delivered`, `ack`, `ping`, `watch`) says nothing of its person. */
const DONE_BY_THE_PERSON: ReadonlySet<ClientFrame['t']> = new Set([
  'send',
  'read',
  'delete',
  'typing',
  'active',
])

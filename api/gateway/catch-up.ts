/**
 * Brings a session up to date: what its person missed, in order, then `live`. Reads the read models once they have seen
 * everything that was in the ledger when the session was registered; what comes later is pushed and waits in the session.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type ConversationId, NO_SEQ, type Seq } from '../../domain/ids.ts'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import {
  type ConversationToCatchUp,
  conversationsToCatchUp,
} from '../../projections/queries/conversations-to-catch-up.ts'
import type { ProjectionWaiter } from '../../projections/queries/projection-waiter.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import type { DeviceStart } from './device-positions.ts'
import { freedFor, missedInFreed } from './freed.ts'
import { firstPageOf, type MessagePages } from './message-pages.ts'
import { type Missed, missedIn, readMissed, together } from './missed.ts'
import {
  changeFrames,
  deletedFrames,
  leavingFrames,
  type MissedFrame,
  receiptFrames,
} from './missed-frames.ts'
import { MAX_BACKLOG_BYTES, type Session } from './session.ts'
import type { Turns } from './turns.ts'

export interface CatchUpDeps {
  readonly pool: pg.Pool
  readonly ledger: Ledger
  readonly waiter: ProjectionWaiter
  readonly messagePages: MessagePages
  readonly turns: Turns
  readonly report: (error: unknown) => void
}

/** What waits for a session. */
interface Moved {
  readonly missed: Missed
  /** Conversations that were freed: of them it may have been sent what is newer, and not what was said before. */
  readonly late: ReadonlySet<ConversationId>
}

export interface CatchUp {
  /** Runs until the session is live, or closed. Of several calls for one session, one runs. */
  run(session: Session, start: DeviceStart): Promise<void>
  /**
   * For a session that was live: from where it stands. While it is live and only doubted, it stays so until the read models
   * have what it may have missed, and it is its turn. Asked while it runs already, it runs once more.
   */
  resume(session: Session): Promise<void>
  /**
   * A person has been waited for: resumes if there is a message that was not sent to their live session. Otherwise it stays live,
   * since to catch up keeps what is pushed meanwhile waiting, and with it the acknowledgement that is waited for. (With every look a
   * catching up, people who were slow for a moment stayed slow: at 1,900 messages/s, after a start of 10 s, reads were told 3 to 7 s
   * late for as long as anybody looked, 6 minutes.)
   */
  look(session: Session): Promise<void>
}

/** Longer than any usual lag of the projections; then the client is asked to come back. */
const PATIENCE_MS = 15_000
/** On average: they come back one after another. */
const RETRY_AFTER_MS = 2_000
/** Between two looks at read models that cannot be read, for sessions that can wait. */
const PAUSE_MS = 1_000
/** A reader that does not get through its backlog in this time is closed with 4408. */
const SLOW_READER_MS = 30_000
const DRAIN_POLL_MS = 20
/** Whoever has not taken this much is sent nothing more of what was missed: with the page that comes on top it stays below what they may be pushed. */
const ROOM_BYTES = MAX_BACKLOG_BYTES / 4

export function createCatchUp(deps: CatchUpDeps): CatchUp {
  const { pool, ledger, waiter, messagePages, turns, report } = deps
  const running = new Set<Session>()
  /** Doubted while running: what they may have missed may be later than what is being read. */
  const askedAgain = new Set<Session>()

  async function run(session: Session, start: DeviceStart): Promise<void> {
    if (running.has(session)) return
    running.add(session)
    try {
      let from = start
      do {
        askedAgain.delete(session)
        if (session.mode === 'live' && !(await projectedMeanwhile(session))) return
        if (!(await drained(session))) return
        if (session.mode !== 'live') session.startCatchingUp()
        const upTo = await once(session, from)
        if (upTo !== undefined) from = { kept: upTo, knownFrom: upTo }
      } while (session.mode === 'behind' || askedAgain.has(session))
    } catch (error) {
      report(error)
      comeBack(session)
    } finally {
      running.delete(session)
      askedAgain.delete(session)
    }
  }

  /** Until the read models have everything that is in the ledger now; `false` when the session is over. */
  async function projectedMeanwhile(session: Session): Promise<boolean> {
    let head: Position | undefined
    while (session.mode === 'live') {
      try {
        head ??= await ledger.head()
        if (await waiter.waitFor(head, PATIENCE_MS)) break
      } catch (error) {
        report(error)
        await sleep(PAUSE_MS)
      }
    }
    return session.mode !== 'closed'
  }

  /** Returns the position up to which everything has been sent; nothing if it was not. */
  async function once(session: Session, start: DeviceStart): Promise<Position | undefined> {
    const head = await ledger.head()
    if (!(await waiter.waitFor(head, PATIENCE_MS))) {
      comeBack(session)
      return undefined
    }
    const read = await turns(async () => {
      // One that is doubted stays live until its turn: where all are, the last would be told nothing for long.
      if (session.mode === 'live' && session.startCatchingUp()) {
        // What it held may be later than `head`, and so not projected yet: once more, to the end of the ledger as it is now.
        askedAgain.add(session)
        return undefined
      }
      // Gone while it waited, or fallen behind: whoever waits gets on.
      if (session.mode !== 'catching-up') return undefined
      // More than `head` by now, where others were waited for: what of it was pushed meanwhile is told once, too.
      const upTo = later(head, waiter.reached)
      return { upTo, moved: await whatMoved(session, start) }
    })
    if (!read) return undefined
    const { upTo, moved } = read
    // Receipts and expiries do not say where they stand: what was pushed of them meanwhile is known by its bytes.
    const told = new Set<string>()
    if (moved && !(await sendAll(session, moved, upTo, told))) return undefined
    session.settle(upTo, JSON.stringify({ t: 'live', position: String(upTo) } satisfies ServerFrame), told)
    // What it was asked for again may be later than what was read.
    if (askedAgain.has(session)) session.doubted = true
    return upTo
  }

  async function whatMoved(session: Session, start: DeviceStart): Promise<Moved | undefined> {
    const [now, freed] = await Promise.all([
      readMissed(pool, session, start),
      freedFor(deps, session.userId, start.kept),
    ])
    const missedLate = freed.length > 0 ? await missedInFreed(pool, session, start, freed) : undefined
    const late = new Set(missedLate?.conversations.map(({ conversationId }) => conversationId))
    const others = now && missedIn(now, (conversationId) => !late.has(conversationId))
    const missed = others && missedLate ? together(others, missedLate) : (others ?? missedLate)
    return missed && { missed, late }
  }

  /**
   * What was recorded up to there, in the order in which a client can use it; `false` when the session is over. What was recorded while it was
   * read has been pushed, and waits: it comes behind `live`, whose position is before it. Whoever goes on from there would get it again. (Receipts may
   * be from after it, and come again: they are watermarks.)
   */
  async function sendAll(
    session: Session,
    { missed, late }: Moved,
    upTo: Position,
    told: Set<string>,
  ): Promise<boolean> {
    const { conversations, changes, receipts } = missed
    const recordedThen = ({ position }: MissedFrame) => position <= upTo
    const send = async (frames: readonly MissedFrame[]) => {
      for (const { frame } of frames) {
        if (session.backlog > ROOM_BYTES && !(await drained(session))) return false
        const json = JSON.stringify(frame)
        if ('conversationId' in frame && session.wasTold(frame.conversationId, json)) continue
        session.send(json)
        told.add(json)
      }
      return true
    }

    // 1. What happened around the messages.
    if (!(await send(changeFrames(session.userId, changes).filter(recordedThen)))) return false

    // 2. The messages, conversation by conversation.
    for (const conversation of conversations) {
      const sentUpTo = late.has(conversation.conversationId)
        ? NO_SEQ
        : session.sentUpTo(conversation.conversationId)
      if (!(await sendMessages(session, conversation, sentUpTo, upTo))) return false
    }

    // 3. What happened to messages. All receipts: a later one stands for those before it, and was pushed only to who sent what is new in it.
    return await send([
      ...deletedFrames(changes).filter(recordedThen),
      ...receiptFrames(receipts),
      ...leavingFrames(changes).filter(recordedThen),
    ])
  }

  async function sendMessages(
    session: Session,
    { conversationId, missed, lastSeq, deletedUpTo }: ConversationToCatchUp,
    sentUpTo: Seq,
    until: Position,
  ): Promise<boolean> {
    const { userId, deviceId } = session
    for (const stretch of missed) {
      let from = Math.max(stretch.from, sentUpTo + 1) as Seq
      while (from <= stretch.to) {
        if (!(await drained(session))) return false
        const asked = firstPageOf({ from, to: stretch.to })
        const { messages, upTo } = await messagePages({ conversationId, ...asked, deletedUpTo })
        for (const message of messages) {
          if (message.position > until) {
            // Before it may be what the device has sent itself, or what its person may not read.
            session.markSent(conversationId, (message.seq - 1) as Seq)
            return true
          }
          // What this very device has sent, it has.
          if (message.senderId === userId && message.deviceId === deviceId) continue
          session.send(message.json)
          session.markSent(conversationId, message.seq)
        }
        from = (upTo + 1) as Seq
      }
    }
    // The device's own messages are left out, so the last seq may lie behind the last one sent.
    session.markSent(conversationId, lastSeq)
    return true
  }

  /** Waits for a slow reader; `false` when the session is over. */
  async function drained(session: Session): Promise<boolean> {
    const deadline = performance.now() + SLOW_READER_MS
    while (session.mode !== 'closed' && session.backlog > ROOM_BYTES) {
      if (performance.now() > deadline) {
        session.close(CLOSE_CODES.tooSlow, 'too slow: connect again to catch up')
        return false
      }
      await sleep(DRAIN_POLL_MS)
    }
    return session.mode !== 'closed'
  }

  function resume(session: Session): Promise<void> {
    session.doubted = true
    if (running.has(session)) askedAgain.add(session)
    return run(session, standing(session))
  }

  async function look(session: Session): Promise<void> {
    // About to be read anyway.
    if (running.has(session)) return
    if (session.mode !== 'live') return await resume(session)
    try {
      const { userId, deviceId } = session
      const conversations = await turns(async () =>
        isOver(session) ? [] : await conversationsToCatchUp(pool, userId, deviceId, standing(session)),
      )
      const isUnsent = ({ conversationId, missed }: ConversationToCatchUp) =>
        (missed.at(-1)?.to ?? NO_SEQ) > session.sentUpTo(conversationId)
      if (conversations.some(isUnsent)) await resume(session)
    } catch (error) {
      // Who asked will ask again.
      report(error)
    }
  }

  return { run, resume, look }
}

const later = (one: Position, other: Position): Position => (one > other ? one : other)
const isOver = ({ mode }: Session): boolean => mode === 'closed'
const standing = ({ position }: Session): DeviceStart => ({ kept: position, knownFrom: position })

/** Asks the client to connect again in a moment: what it has not been sent waits for it. */
export function comeBack(session: Session): void {
  const retryAfterMs = Math.round(RETRY_AFTER_MS * (0.5 + Math.random()))
  session.close(CLOSE_CODES.drain, JSON.stringify({ retryAfterMs }))
}

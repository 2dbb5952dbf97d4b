/**
 * Brings a session up to date: what its person missed, in order, then `live`. Reads the read models once they have seen
 * everything that was in the ledger when the session was registered; what comes later is pushed and waits in the session.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import type { ContentKeys } from '../../ledger/sealing/content-keys.ts'
import {
  type ConversationToCatchUp,
  conversationsToCatchUp,
} from '../../projections/queries/conversations-to-catch-up.ts'
import { missedChanges } from '../../projections/queries/missed-changes.ts'
import { missedMessages } from '../../projections/queries/missed-messages.ts'
import { missedReceipts } from '../../projections/queries/missed-receipts.ts'
import type { ProjectionWaiter } from '../../projections/queries/projection-waiter.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import { type OpenedBody, openBodies } from '../messages/open-bodies.ts'
import { messageView } from '../messages/views.ts'
import type { DeviceStart } from './device-positions.ts'
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
  readonly contentKeys: ContentKeys
  readonly turns: Turns
  readonly report: (error: unknown) => void
}

export interface CatchUp {
  /** Runs until the session is live, or closed. Of several calls for one session, one runs. */
  run(session: Session, start: DeviceStart): Promise<void>
  /**
   * For a session that was live: from where it stands. While it is live and only doubted, it stays so until the read models
   * have what it may have missed. Asked while it runs already, it runs once more.
   */
  resume(session: Session): Promise<void>
}

const PAGE = 200
/** Longer than any usual lag of the projections; then the client is asked to come back. */
const PATIENCE_MS = 15_000
/** On average: they come back one after another. */
const RETRY_AFTER_MS = 2_000
/** Between two looks at read models that cannot be read, for sessions that can wait. */
const PAUSE_MS = 1_000
/** A reader that does not get through its backlog in this time is closed with 4408. */
const SLOW_READER_MS = 30_000
const DRAIN_POLL_MS = 20

export function createCatchUp(deps: CatchUpDeps): CatchUp {
  const { pool, ledger, waiter, turns, report } = deps
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
        session.startCatchingUp()
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
    const { userId, deviceId } = session
    const conversations = await turns(() => conversationsToCatchUp(pool, userId, deviceId, start))
    // Whatever can be missed moves its conversation. Where none has moved, eight statements of nine are spared.
    if (conversations.length > 0 && !(await sendAll(session, conversations, start.kept))) return undefined
    session.settle(head, JSON.stringify({ t: 'live', position: String(head) } satisfies ServerFrame))
    return head
  }

  /** In the order in which a client can use it; `false` when the session is over. */
  async function sendAll(
    session: Session,
    conversations: readonly ConversationToCatchUp[],
    since: Position,
  ): Promise<boolean> {
    const { userId, deviceId } = session

    // 1. What happened around the messages.
    const [changes, receipts] = await turns(() =>
      Promise.all([
        missedChanges(pool, userId, deviceId, since),
        missedReceipts(pool, userId, deviceId, since),
      ]),
    )
    const send = (missed: readonly MissedFrame[]) => {
      for (const { frame } of missed) session.send(JSON.stringify(frame))
    }
    send(changeFrames(changes))

    // 2. The messages, conversation by conversation.
    for (const conversation of conversations) {
      if (!(await sendMissed(session, conversation, since))) return false
    }

    // 3. What happened to messages.
    send(deletedFrames(changes))
    send(receiptFrames(receipts))
    send(leavingFrames(changes))
    return true
  }

  async function sendMissed(
    session: Session,
    missed: ConversationToCatchUp,
    since: Position,
  ): Promise<boolean> {
    const { userId, deviceId } = session
    const { conversationId, startAfterSeq, lastSeq } = missed
    const sent = session.sentUpTo(conversationId)
    let afterSeq = sent > startAfterSeq ? sent : startAfterSeq
    while (afterSeq < lastSeq) {
      if (!(await drained(session))) return false
      const { page, opened } = await turns(async () => {
        const query = { conversationId, userId, deviceId, afterSeq, since, limit: PAGE }
        const messages = await missedMessages(pool, query)
        return { page: messages, opened: await openBodies(deps, messages) }
      })
      for (const [index, message] of page.entries()) {
        const view = messageView(message, opened[index] as OpenedBody)
        session.send(JSON.stringify({ t: 'message', ...view } satisfies ServerFrame))
        session.markSent(conversationId, message.seq)
      }
      const last = page.at(-1)
      if (!last || page.length < PAGE) break
      afterSeq = last.seq
    }
    // The device's own messages are left out, so the last seq may lie behind the last one sent.
    session.markSent(conversationId, lastSeq)
    return true
  }

  /** Waits for a slow reader; `false` when the session is over. */
  async function drained(session: Session): Promise<boolean> {
    const deadline = Date.now() + SLOW_READER_MS
    while (session.mode !== 'closed' && session.backlog > MAX_BACKLOG_BYTES / 4) {
      if (Date.now() > deadline) {
        session.close(CLOSE_CODES.tooSlow, 'too slow: connect again to catch up')
        return false
      }
      await sleep(DRAIN_POLL_MS)
    }
    return session.mode !== 'closed'
  }

  return {
    run,
    resume: (session) => {
      session.doubted = true
      if (running.has(session)) askedAgain.add(session)
      return run(session, { kept: session.position, knownFrom: session.position })
    },
  }
}

/** Asks the client to connect again in a moment: what it has not been sent waits for it. */
export function comeBack(session: Session): void {
  const retryAfterMs = Math.round(RETRY_AFTER_MS * (0.5 + Math.random()))
  session.close(CLOSE_CODES.drain, JSON.stringify({ retryAfterMs }))
}

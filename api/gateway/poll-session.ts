/**
 * One device that polls. What is pushed to it only wakes it: what it is answered is read from the read models, up to a position
 * of the ledger, because nothing tells a client that comes back whether the answer before had arrived. Between two
 * polls it lives on for a while, so that its person does not seem to come and go.
 */

import type { DeviceId } from '../../domain/ids.ts'
import { NO_SEQ } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import type { PresenceFrame } from '../../protocol/server-frames.ts'
import { type Identity, LOGIN_CLAIM } from '../auth/identity.ts'
import type { Session } from './session.ts'

export interface PollSession extends Session {
  /** A poll begins; an earlier one that still waits is woken, and is not `current` any more. */
  begin(expiresAt: number): PollTurn
  /** What it was sent directly (answers, what is never recorded), since it was last asked. */
  takeSent(): readonly string[]
  readonly closedWith: number | undefined
}

export interface PollTurn {
  readonly isCurrent: boolean
  /** Whatever happens from here on wakes. */
  look(): void
  /** Resolves when something may be there, when the session is over, and in any case after so many milliseconds. */
  woken(withinMs: number): Promise<void>
  /** It waits until it is woken, and for nothing else. */
  readonly isWaiting: boolean
  /** Whoever polled is gone, or has been answered. */
  end(): void
}

interface PollSessionDeps {
  readonly identity: Identity
  readonly deviceId: DeviceId
  readonly onClosed: (session: PollSession) => void
}

/** Of who is typing, and of answers, only the newest wait for a client that is between two polls; of presence the last of each person. */
const MAX_SENT = 1_000

/** Frames that no ledger holds: they are handed over as they are. */
const FLEETING = /^\{"t":"(typing|presence)"/
const PRESENCE = /^\{"t":"presence"/

export function createPollSession({ identity, deviceId, onClosed }: PollSessionDeps): PollSession {
  let closedWith: number | undefined
  let isOver = false
  let sent: string[] = []
  const presence = new Map<string, string>()
  let isDirty = true
  let wake = () => {}
  let current: PollTurn | undefined

  function rouse(): void {
    isDirty = true
    wake()
  }

  function keep(json: string): void {
    const frame = PRESENCE.test(json) ? (JSON.parse(json) as PresenceFrame) : undefined
    if (frame) presence.set(frame.userId, json)
    else if (sent.push(json) > MAX_SENT) sent.shift()
    rouse()
  }

  function end(): void {
    if (isOver) return
    isOver = true
    rouse()
    onClosed(session)
  }

  const session: PollSession = {
    userId: identity.sub,
    deviceId,
    expiresAt: identity.exp,
    get mode() {
      return isOver ? 'closed' : 'behind'
    },
    position: BEGINNING,
    backlog: 0,
    // Who does not come back is noticed by the pause between two polls.
    get heardAt() {
      return performance.now()
    },
    get isThere() {
      return current !== undefined
    },
    isPolling: true,
    get closedWith() {
      return closedWith
    },
    loginId: identity[LOGIN_CLAIM],
    doubted: false,
    claim: undefined,
    attendance: undefined,
    ping: () => {},
    terminate: end,
    resync: rouse,
    nudge: rouse,
    deliver: ({ json, exceptDevice }) => {
      if (exceptDevice === deviceId) return
      if (FLEETING.test(json)) keep(json)
      else rouse()
    },
    send: keep,
    sentUpTo: () => NO_SEQ,
    markSent: () => {},
    wasTold: () => false,
    isMissing: () => false,
    fallBehind: rouse,
    startCatchingUp: () => false,
    settle: (_upTo: Position) => false,
    flush: () => {},
    close: (code) => {
      closedWith ??= code
      end()
    },
    closed: end,
    takeSent: () => {
      const taken = [...sent, ...presence.values()]
      sent = []
      presence.clear()
      return taken
    },
    begin: (tokenEnds) => {
      session.expiresAt = tokenEnds
      let isWaiting = false
      const turn: PollTurn = {
        get isWaiting() {
          return isWaiting
        },
        get isCurrent() {
          return current === turn
        },
        look: () => {
          isDirty = false
        },
        woken: (withinMs) =>
          new Promise((resolve) => {
            if (isDirty || isOver || current !== turn) return resolve()
            isWaiting = true
            const go = () => {
              clearTimeout(timer)
              wake = () => {}
              isWaiting = false
              resolve()
            }
            const timer = setTimeout(go, withinMs)
            wake = go
          }),
        end: () => {
          if (current === turn) current = undefined
          wake()
        },
      }
      current = turn
      // Whoever still waits looks, and sees that it is not current any more.
      rouse()
      return turn
    },
  }
  return session
}

/**
 * Finds the clients that are gone without a word: pings who is silent, ends who does not answer. Every WebSocket client answers by itself.
 * And those that talk, but do not read: whoever is not pushed to has only answers waiting, and nobody else looks at those.
 */
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { Hub } from './hub.ts'
import { MAX_BACKLOG_BYTES, type Session } from './session.ts'

/** Who has been silent for so long is pinged with every beat. */
const PINGED_BEATS = 2.5
/** Found between 5 and 6 beats: 30 s after the last sign of life at most. */
const SILENT_BEATS = 5
/** 30 s, as long as whoever catches up has for what waits. */
const SLOW_BEATS = 6
/** A beat that comes later than this after the one before it: this process stood still, as when its machine is suspended. */
const LATE_BEATS = 2
/** 35 s. Not long after that another node calls this one lost, and ends its connections in the ledger (`../presence/lost-devices.ts`): so they end here, too. */
const LOST_BEATS = 7

/**
 * One timer for all sockets. The answer stops it.
 * @param over a session is over, although its client may take half a minute more to take what it was told last.
 */
export function startHeartbeat(
  hub: Pick<Hub, 'all'>,
  heartbeatMs: number,
  over: (session: Session) => void,
): () => void {
  /** Who has too much waiting, and since when. Few: nothing is kept with the others. */
  let slowSince = new Map<Session, number>()
  let lastBeat = performance.now()

  function beat(): void {
    const now = performance.now()
    const beats = (now - lastBeat) / heartbeatMs
    // What came meanwhile has not been read yet: nobody is ended for a silence of ours, which would have all come back at once.
    const isLate = beats > LATE_BEATS && beats < LOST_BEATS
    lastBeat = now
    const slow = new Map<Session, number>()
    for (const session of [...hub.all()]) {
      const silentMs = now - session.heardAt
      const isSlow = session.backlog > MAX_BACKLOG_BYTES
      if (silentMs > SILENT_BEATS * heartbeatMs && !isLate) {
        if (isSlow) {
          // It has not come as far as our pings, and should hear why it is ended if it ever does.
          closeSlow(session)
          over(session)
        } else session.terminate()
        continue
      }
      if (silentMs > PINGED_BEATS * heartbeatMs) session.ping()
      if (!isSlow) continue
      const since = slowSince.get(session) ?? now
      slow.set(session, since)
      if (now - since >= SLOW_BEATS * heartbeatMs && !isLate) closeSlow(session)
    }
    slowSince = slow
  }

  const timer = setInterval(beat, heartbeatMs)
  return () => clearInterval(timer)
}

const closeSlow = (session: Session): void =>
  session.close(CLOSE_CODES.tooSlow, 'too slow: connect again to catch up')

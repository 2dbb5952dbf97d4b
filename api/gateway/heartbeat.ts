/** Finds the clients that are gone without a word: pings who is silent, ends who does not answer. Every WebSocket client answers by itself. */
import type { Hub } from './hub.ts'

/** Who has been silent for so long is pinged with every beat. */
const PINGED_BEATS = 2.5
/** Found between 5 and 6 beats: 30 s after the last sign of life at most. */
const SILENT_BEATS = 5

/** One timer for all sockets. The answer stops it. */
export function startHeartbeat(hub: Pick<Hub, 'all'>, heartbeatMs: number): () => void {
  const timer = setInterval(() => {
    const now = performance.now()
    for (const session of [...hub.all()]) {
      const silentMs = now - session.heardAt
      if (silentMs > SILENT_BEATS * heartbeatMs) session.terminate()
      else if (silentMs > PINGED_BEATS * heartbeatMs) session.ping()
    }
  }, heartbeatMs)
  return () => clearInterval(timer)
}

/** Finds the clients that are gone without a word: pings who is silent, ends who does not answer. Every WebSocket client answers by itself. */
import type { Hub } from './hub.ts'

/** Two pings without an answer. */
const SILENT_BEATS = 2.5

/** One timer for all sockets. The answer stops it. */
export function startHeartbeat(hub: Pick<Hub, 'all'>, heartbeatMs: number): () => void {
  const timer = setInterval(() => {
    const now = performance.now()
    for (const session of [...hub.all()]) {
      const silentMs = now - session.heardAt
      if (silentMs > SILENT_BEATS * heartbeatMs) session.terminate()
      else if (silentMs > heartbeatMs / 2) session.ping()
    }
  }, heartbeatMs)
  return () => clearInterval(timer)
}

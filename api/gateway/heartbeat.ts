/** Finds the clients that are gone without a word: pings who is silent, ends who does not answer. Every WebSocket client answers by itself. */
import type { Hub } from './hub.ts'

/** Two pings without an answer. */
const SILENT_BEATS = 2.5

/** One timer for all sockets. The answer stops it. */
export function startHeartbeat(hub: Pick<Hub, 'all'>, heartbeatMs: number): () => void {
  const timer = setInterval(() => {
    const now = performance.now()
    for (const { heardAt, socket } of [...hub.all()]) {
      if (now - heardAt > SILENT_BEATS * heartbeatMs) socket.terminate()
      else if (now - heardAt > heartbeatMs / 2) socket.ping()
    }
  }, heartbeatMs)
  return () => clearInterval(timer)
}

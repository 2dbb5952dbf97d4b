/**
 * The way out of one socket: frames of one turn of the event loop leave together as one array frame. Owns the bound on what
 * waits for a slow reader; decides nothing about it.
 */
import type { WebSocket } from 'ws'
import { LIMITS } from '../../protocol/limits.ts'

export interface Outbox {
  /** A frame that is already JSON. */
  push(json: string): void
  /** Sends what waits. */
  flush(): void
  /** Bytes (UTF-16 units, for what is not sent yet) that the reader has not taken. */
  readonly backlog: number
}

/** `schedule` asks for a `flush` at the end of this turn; it is called once until then. */
export function createOutbox(socket: WebSocket, schedule: () => void): Outbox {
  let waiting: string[] = []
  let units = 0

  return {
    push: (json) => {
      if (waiting.length === 0) schedule()
      waiting.push(json)
      units += json.length
    },
    flush: () => {
      const frames = waiting
      waiting = []
      units = 0
      if (socket.readyState !== socket.OPEN) return
      for (const frame of packed(frames)) socket.send(frame)
    },
    get backlog() {
      return units + socket.bufferedAmount
    },
  }
}

/** Array frames as large as the limit of a frame allows; a single frame stays an object. */
function packed(frames: readonly string[]): string[] {
  let units = 2
  for (const frame of frames) units += frame.length + 1
  // A UTF-16 unit is at most three bytes of UTF-8: most arrays need no counting.
  if (units * 3 <= LIMITS.frameBytes && frames.length <= LIMITS.framesPerArray) return [join(frames)]
  const out: string[] = []
  let from = 0
  let bytes = 2
  for (const [index, frame] of frames.entries()) {
    const size = Buffer.byteLength(frame) + 1
    const count = index - from
    if (count > 0 && (bytes + size > LIMITS.frameBytes || count >= LIMITS.framesPerArray)) {
      out.push(join(frames.slice(from, index)))
      from = index
      bytes = 2
    }
    bytes += size
  }
  if (from < frames.length) out.push(join(frames.slice(from)))
  return out
}

const join = (frames: readonly string[]): string =>
  frames.length === 1 ? (frames[0] as string) : `[${frames.join(',')}]`

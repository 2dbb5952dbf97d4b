/** What a client has to say in one turn of the event loop leaves together, as array frames within the limits of the wire. */
import { LIMITS } from '../protocol/limits.ts'

export interface Outgoing {
  /** In the order of the calls. */
  push(frame: object): void
  flush(): void
}

export function createOutgoing(send: (text: string) => void): Outgoing {
  let waiting: string[] = []
  let bytes = 0

  function flush(): void {
    const frames = waiting
    waiting = []
    bytes = 0
    if (frames.length > 0) send(frames.length === 1 ? (frames[0] as string) : `[${frames.join(',')}]`)
  }

  return {
    push: (frame) => {
      const json = JSON.stringify(frame)
      const size = Buffer.byteLength(json) + 1
      // 2 for the brackets.
      if (bytes + size + 2 > LIMITS.frameBytes || waiting.length === LIMITS.framesPerArray) flush()
      if (waiting.length === 0) setImmediate(flush)
      waiting.push(json)
      bytes += size
    },
    flush,
  }
}

/** Work of which only so much is done at once; the rest waits its turn, first come, first served. Knows no work; how many may wait is the caller's to say. */

export interface Line {
  readonly waiting: number
  /** Nobody works, so nobody waits. */
  readonly isIdle: boolean
  /** Settles as the work does. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

export function createLine(atOnce: number): Line {
  const waiting: (() => void)[] = []
  let busy = 0
  return {
    get waiting() {
      return waiting.length
    },
    get isIdle() {
      return busy === 0
    },
    async inTurn(work) {
      if (busy < atOnce) busy++
      // In the place of one that is done.
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else busy--
      }
    },
  }
}

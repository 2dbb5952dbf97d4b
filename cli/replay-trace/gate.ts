/** Lets so many pieces of work be under way at a time, and no more. */

export interface Gate {
  /** Resolves when the work has begun, not when it is done. The work must not reject. */
  enter(work: () => Promise<void>): Promise<void>
  /** Resolves when nothing is under way. */
  empty(): Promise<void>
}

export function createGate(limit: number): Gate {
  const underWay = new Set<Promise<void>>()
  return {
    enter: async (work) => {
      while (underWay.size >= limit) await Promise.race(underWay)
      const done: Promise<void> = work().then(() => {
        underWay.delete(done)
      })
      underWay.add(done)
    },
    empty: async () => {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

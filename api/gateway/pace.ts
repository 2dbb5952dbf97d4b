/** Spreads work that comes all at once over turns of the event loop, in its order, so that what else waits has its turn between. */

/** Resolves in the next turn that has room: at once, as good as, where nobody else waits. Undefined: too many wait already. */
export type Pace = () => Promise<void> | undefined

export function createPace(perTurn: number, mostWaiting: number): Pace {
  const waiting: (() => void)[] = []

  function release(): void {
    for (const go of waiting.splice(0, perTurn)) go()
    if (waiting.length > 0) setImmediate(release)
  }

  return () => {
    if (waiting.length >= mostWaiting) return undefined
    return new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(release)
    })
  }
}

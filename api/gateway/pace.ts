/**
 * Spreads work that comes all at once over turns of the event loop, in its order, so that what else waits has its turn between. Where
 * turns are long more goes in each: what goes a second does not fall with the load.
 */

export interface PaceOptions {
  /** One goes for each of these milliseconds that a turn took, and one at least. */
  readonly everyMs: number
  readonly mostATurn: number
  readonly mostWaiting: number
}

/**
 * Resolves in the next turn that has room: at once, as good as, where nobody else waits. Undefined: too many wait already. Who is gone
 * when its turn comes takes it from nobody.
 */
export type Pace = (isGone: () => boolean) => Promise<void> | undefined

interface Waiting {
  go(): void
  isGone(): boolean
}

export function createPace(
  { everyMs, mostATurn, mostWaiting }: PaceOptions,
  clock = () => performance.now(),
): Pace {
  const waiting: Waiting[] = []
  let turnBegan = 0

  function release(): void {
    const now = clock()
    const room = Math.floor((now - turnBegan) / everyMs)
    turnBegan = now
    for (let left = Math.min(Math.max(room, 1), mostATurn); left > 0; ) {
      const next = waiting.shift()
      if (!next) return
      if (!next.isGone()) left--
      next.go()
    }
    if (waiting.length > 0) setImmediate(release)
  }

  return (isGone) => {
    if (waiting.length >= mostWaiting) return undefined
    return new Promise((resolve) => {
      waiting.push({ go: resolve, isGone })
      if (waiting.length > 1) return
      turnBegan = clock()
      setImmediate(release)
    })
  }
}

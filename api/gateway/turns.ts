/**
 * How many at once read what devices missed: a storm of reconnects must not take the database from everybody else. Who has begun
 * goes on before others begin: so the first are live while the last still wait, and what they read is still at hand for those
 * who missed the same. But not always: a few who have missed very much would keep everybody else out.
 */

/** Runs the reading when it is its turn. */
export type Turns = <T>(read: () => Promise<T>, stage?: 'new' | 'begun') => Promise<T>

/** While 1,000 people come back, the others' sends take 65 ms (p50) with two, 90 with three, and all are live as soon. */
const AT_ONCE = 2
/**
 * After a reading its place rests for so many times as long, at most: then those sends take 28 ms instead of 52, and all are live after
 * 15 s instead of 14. Whoever reads alone does not feel it, as long as there is another place.
 */
const REST = 1
const MAX_REST_MS = 100
/** Of so many places that become free, one is for somebody new. */
const NEW_EVERY = 4

export function createTurns(atOnce = AT_ONCE, rest = REST): Turns {
  const waiting = { new: [] as (() => void)[], begun: [] as (() => void)[] }
  let active = 0
  let freed = 0

  const nextOf = (first: keyof typeof waiting, then: keyof typeof waiting) =>
    waiting[first].shift() ?? waiting[then].shift()

  function free(): void {
    const next = ++freed % NEW_EVERY === 0 ? nextOf('new', 'begun') : nextOf('begun', 'new')
    if (next) next()
    else active--
  }

  return async (read, stage = 'new') => {
    if (active < atOnce) active++
    // In the place of somebody who has finished.
    else await new Promise<void>((resolve) => waiting[stage].push(resolve))
    const began = performance.now()
    try {
      return await read()
    } finally {
      const restMs = Math.min(MAX_REST_MS, (performance.now() - began) * rest)
      if (restMs > 0) setTimeout(free, restMs).unref()
      else free()
    }
  }
}

/**
 * How many at once read what devices missed: a storm of reconnects must not take the database from everybody else. Who has begun
 * goes on before others begin: so the first are live while the last still wait, and what they read is still at hand for those
 * who missed the same. But not always: a few who have missed very much would keep everybody else out.
 */

/** Runs the reading when it is its turn. */
export type Turns = <T>(read: () => Promise<T>, stage?: 'new' | 'begun') => Promise<T>

/** With three the others' sends took 1.4 times as long while 1,000 people came back, and all were live as soon. */
const AT_ONCE = 2
/**
 * After a reading its place rests for as long as that took, and this long at most, while somebody waits who has not begun: then those sends take
 * half as long. Not in calm, when a live long poll may be a message away.
 */
const MAX_REST_MS = 100
/** Of so many places that become free, one is for somebody new. */
const NEW_EVERY = 4

export function createTurns(atOnce = AT_ONCE): Turns {
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
      if (waiting.new.length === 0) free()
      else setTimeout(free, Math.min(MAX_REST_MS, performance.now() - began)).unref()
    }
  }
}

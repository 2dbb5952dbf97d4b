/**
 * Token buckets by name. A bucket is one number, the time at which it is full again (GCRA, ITU-T I.371), so that it needs no
 * timer, and a full one need not be kept at all. Keeps time by what it is told: in milliseconds of a clock that nobody sets, as
 * `performance.now()` is. By one that was set back an hour everybody would have to wait for an hour.
 */
import { LRUCache } from 'lru-cache'

export interface TokenBuckets {
  /**
   * Takes so much out of the bucket of this name; 0, or after how many milliseconds there will be enough (then nothing was
   * taken). Without a name there is no limit.
   */
  take(name: string | undefined, cost: number, now: number): number
}

/** A bucket holds what flows into it in this time. */
export const BURST_SECONDS = 4
/** Sums of times with fractions are off by less. Without it the last of a burst is sometimes refused, for 1e-12 ms. */
const ROUNDING_MS = 1e-6
/** For memory, some 10 MB. Beyond it the bucket that was used longest ago is taken to be full. */
const MAX_BUCKETS = 50_000

/** @param perSecond what flows in; 0: there is no limit. */
export function createTokenBuckets(perSecond: number, maxBuckets = MAX_BUCKETS): TokenBuckets {
  if (perSecond === 0) return { take: () => 0 }
  const fullAt = new LRUCache<string, number>({ max: maxBuckets })
  return {
    take: (name, cost, now) => {
      if (name === undefined) return 0
      const taken = takeFrom(fullAt.get(name) ?? 0, cost, now, perSecond)
      if (taken.waitMs === 0) fullAt.set(name, taken.fullAt)
      return taken.waitMs
    },
  }
}

/** One bucket of its owner's own. */
export function createTokenBucket(perSecond: number): (cost: number, now: number) => number {
  let fullAt = 0
  return (cost, now) => {
    if (perSecond === 0) return 0
    const taken = takeFrom(fullAt, cost, now, perSecond)
    fullAt = taken.fullAt
    return taken.waitMs
  }
}

function takeFrom(fullAt: number, cost: number, now: number, perSecond: number) {
  // What costs more than a full bucket takes the full bucket: it would never be allowed otherwise.
  const next = Math.max(fullAt, now) + Math.min((cost * 1000) / perSecond, BURST_SECONDS * 1000)
  const waitMs = Math.ceil(next - now - BURST_SECONDS * 1000 - ROUNDING_MS)
  return waitMs > 0 ? { fullAt, waitMs } : { fullAt: next, waitMs: 0 }
}

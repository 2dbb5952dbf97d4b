/**
 * Token buckets by name. A bucket is one number, the time at which it is full again (GCRA, ITU-T I.371), so that it needs no
 * timer, and a full one need not be kept at all. Keeps time by what it is told: in milliseconds of a clock that nobody sets, as
 * `performance.now()` is. By one that was set back an hour everybody would have to wait for an hour.
 */
import { LRUCache } from 'lru-cache'

export interface TokenBucket {
  /** 0, or after how many milliseconds there will be so much. */
  waitMs(cost: number, now: number): number
  /** Takes it, whether there is so much or not. */
  spend(cost: number, now: number): void
}

export interface TokenBuckets {
  /** The bucket of this name, looked up each time that it is asked. Without a name there is no limit. */
  of(name: string | undefined): TokenBucket
  /** As `takeFromAll` does, of this one. */
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
  const fullAt = new LRUCache<string, number>({ max: maxBuckets })
  const of = (name: string | undefined): TokenBucket => {
    if (name === undefined || perSecond === 0) return BOTTOMLESS
    return bucket(perSecond, { get: () => fullAt.get(name) ?? 0, set: (at) => fullAt.set(name, at) })
  }
  return { of, take: (name, cost, now) => takeFromAll([of(name)], cost, now) }
}

/** One bucket of its owner's own. */
export function createTokenBucket(perSecond: number): TokenBucket {
  if (perSecond === 0) return BOTTOMLESS
  let fullAt = 0
  return bucket(perSecond, {
    get: () => fullAt,
    set: (at) => {
      fullAt = at
    },
  })
}

/**
 * Takes so much out of each of them; 0, or after how many milliseconds there will be enough in all (then nothing was taken, of
 * none: otherwise whoever is held back by one would use up the others by asking).
 */
export function takeFromAll(buckets: readonly TokenBucket[], cost: number, now: number): number {
  let longest = 0
  for (const { waitMs } of buckets) longest = Math.max(longest, waitMs(cost, now))
  if (longest === 0) for (const { spend } of buckets) spend(cost, now)
  return longest
}

const BOTTOMLESS: TokenBucket = { waitMs: () => 0, spend: () => {} }

interface FullAt {
  get(): number
  set(at: number): void
}

function bucket(perSecond: number, fullAt: FullAt): TokenBucket {
  // What costs more than a full bucket takes the full bucket: it would never be allowed otherwise.
  const after = (cost: number, now: number) =>
    Math.max(fullAt.get(), now) + Math.min((cost * 1000) / perSecond, BURST_SECONDS * 1000)
  return {
    waitMs: (cost, now) =>
      Math.max(0, Math.ceil(after(cost, now) - now - BURST_SECONDS * 1000 - ROUNDING_MS)),
    spend: (cost, now) => fullAt.set(after(cost, now)),
  }
}

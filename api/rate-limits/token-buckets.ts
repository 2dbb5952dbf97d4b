/**
 * Token buckets by name. A bucket is one number, the time at which it is full again (GCRA, ITU-T I.371), so that it needs no
 * timer, and a full one need not be kept at all. Keeps time by what it is told: in milliseconds of a clock that nobody sets, as
 * `performance.now()` is. By one that was set back an hour everybody would have to wait for an hour.
 */
import { LRUCache } from 'lru-cache'

interface Level {
  fullAt: number
}

export interface TokenBucket {
  /** What flows in in this time is 1; 0: there is no limit. */
  readonly msPerToken: number
  /** Not to be kept: by the next call it may have been forgotten, and be another. */
  level(): Level
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
/** For memory, some 10 MB. Beyond it the bucket that was asked longest ago is taken to be full. */
const MAX_BUCKETS = 50_000

/** @param perSecond what flows in; 0: there is no limit. */
export function createTokenBuckets(perSecond: number, maxBuckets = MAX_BUCKETS): TokenBuckets {
  const levels = new LRUCache<string, Level>({ max: maxBuckets })
  const msPerToken = msPerTokenOf(perSecond)

  function levelOf(name: string): Level {
    const known = levels.get(name)
    if (known) return known
    const full = { fullAt: 0 }
    levels.set(name, full)
    return full
  }

  const of = (name: string | undefined): TokenBucket =>
    name === undefined || msPerToken === 0 ? BOTTOMLESS : { msPerToken, level: () => levelOf(name) }
  return { of, take: (name, cost, now) => takeFromAll([of(name)], cost, now) }
}

/** One bucket of its owner's own. */
export function createTokenBucket(perSecond: number): TokenBucket {
  if (perSecond === 0) return BOTTOMLESS
  const level = { fullAt: 0 }
  return { msPerToken: msPerTokenOf(perSecond), level: () => level }
}

/**
 * Takes so much out of each of them; 0, or after how many milliseconds there will be enough in all (then nothing was taken, of
 * none: otherwise whoever is held back by one would use up the others by asking).
 */
export function takeFromAll(buckets: readonly TokenBucket[], cost: number, now: number): number {
  const levels = buckets.map(levelNow)
  let longest = 0
  for (let index = 0; index < buckets.length; index++) {
    const fullAt = fullAfter(levels[index] as Level, buckets[index] as TokenBucket, cost, now)
    longest = Math.max(longest, Math.ceil(fullAt - now - BURST_SECONDS * 1000 - ROUNDING_MS))
  }
  if (longest !== 0) return longest
  for (let index = 0; index < buckets.length; index++) {
    const level = levels[index] as Level
    level.fullAt = fullAfter(level, buckets[index] as TokenBucket, cost, now)
  }
  return 0
}

const levelNow = (bucket: TokenBucket): Level => bucket.level()

/** What costs more than a full bucket takes the full bucket: it would never be allowed otherwise. */
const fullAfter = (level: Level, { msPerToken }: TokenBucket, cost: number, now: number): number =>
  Math.max(level.fullAt, now) + Math.min(cost * msPerToken, BURST_SECONDS * 1000)

const msPerTokenOf = (perSecond: number): number => (perSecond === 0 ? 0 : 1000 / perSecond)

/** Full whenever it is asked, by whatever clock. */
const BOTTOMLESS: TokenBucket = { msPerToken: 0, level: () => ({ fullAt: 0 }) }

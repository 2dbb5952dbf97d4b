/** How much one socket may ask: its own token bucket, those it shares with others of its person, and counts of those that are refused. */
import { FRAME_COSTS, LIMITS } from '../../protocol/limits.ts'
import type { FrameSource, RateLimits } from '../rate-limits/rate-limits.ts'
import { createTokenBucket, takeFromAll } from '../rate-limits/token-buckets.ts'

/** `now` is of a clock that nobody sets: `performance.now()`. */
export interface FrameLimits {
  /** Takes what a frame of this type costs; 0, or after how many milliseconds it may come again (then nothing was taken). */
  take(type: unknown, now: number): number
  /** Counts a bad frame; `true` when there have been too many. */
  bad(now: number): boolean
  /** Counts a frame that has to wait; `true` when there have been too many. */
  limited(now: number): boolean
}

const WINDOW_MS = 60_000

export function createFrameLimits(perSecond: number, shared: RateLimits, source: FrameSource): FrameLimits {
  const buckets = [createTokenBucket(perSecond), ...shared.frameBuckets(source)]
  return {
    take: (type, now) => takeFromAll(buckets, costOf(type), now),
    bad: counted(LIMITS.badFramesPerMinute),
    limited: counted(LIMITS.limitedFramesPerMinute),
  }
}

/** Answers whether it is the last of so many in a minute, or one after it. */
function counted(most: number): (now: number) => boolean {
  let count = 0
  let since = Number.NEGATIVE_INFINITY
  return (now) => {
    if (now - since > WINDOW_MS) {
      since = now
      count = 0
    }
    return ++count >= most
  }
}

/** By whatever a client may write there: an object would have an answer to `constructor` too. */
const COSTS: ReadonlyMap<unknown, number> = new Map(Object.entries(FRAME_COSTS))

/** Types that are not named cost 1; what has no type costs as much as the dearest of the usual ones. */
const costOf = (type: unknown): number => COSTS.get(type) ?? (typeof type === 'string' ? 1 : FRAME_COSTS.send)

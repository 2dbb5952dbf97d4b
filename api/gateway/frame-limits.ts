/** How much one socket may ask: a token bucket of frames, and a count of bad ones. Keeps time by what it is told. */

export interface FrameLimits {
  /** Takes one frame out of the bucket; otherwise says after how many milliseconds there will be one. */
  take(now: number): { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number }
  /** Counts a bad frame; `true` when there have been too many. */
  bad(now: number): boolean
}

/** Full speed of a busy client many times over; a storm beyond it costs an error frame each, not an append. */
export const FRAMES_PER_SECOND = 1000
export const FRAME_BURST = 4000
/** Bad frames within `BAD_WINDOW_MS` that end a connection with 4400. */
export const MAX_BAD_FRAMES = 10
const BAD_WINDOW_MS = 60_000

export function createFrameLimits(start: number): FrameLimits {
  let tokens = FRAME_BURST
  let filledAt = start
  let bad = 0
  let badSince = start

  return {
    take: (now) => {
      tokens = Math.min(FRAME_BURST, tokens + ((now - filledAt) * FRAMES_PER_SECOND) / 1000)
      filledAt = now
      if (tokens < 1) return { ok: false, retryAfterMs: Math.ceil(((1 - tokens) * 1000) / FRAMES_PER_SECOND) }
      tokens -= 1
      return { ok: true }
    },
    bad: (now) => {
      if (now - badSince > BAD_WINDOW_MS) {
        badSince = now
        bad = 0
      }
      return ++bad >= MAX_BAD_FRAMES
    },
  }
}

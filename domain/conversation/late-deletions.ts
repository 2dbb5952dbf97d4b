/**
 * Deletions of messages that the state had forgotten already. Who deletes such a message decides with what a look-up found, and until
 * then another may have deleted it: twice in one frame, on two devices, on two nodes. Plain data, replaced and never changed.
 */
import type { MessageDeleted } from '../events.ts'
import type { Millis, Seq } from '../ids.ts'

export interface LateDeletions {
  /** How many there were, ever. */
  readonly count: number
  /** The newest, oldest first. */
  readonly newest: readonly { readonly seq: Seq; readonly at: Millis }[]
}

/** As many as one batch of commands may make; with more than these since a look-up, it is made again. */
const REMEMBERED = 256

export const NO_LATE_DELETIONS: LateDeletions = { count: 0, newest: [] }

export const noteLate = ({ count, newest }: LateDeletions, { seq, at }: MessageDeleted): LateDeletions => ({
  count: count + 1,
  newest: [...newest.slice(1 - REMEMBERED), { seq, at }],
})

/**
 * When this message was deleted, of the deletions since there were `countBefore`: nothing if it was not, `unknown` if there were more than
 * are remembered.
 */
export function lateDeletionOf(
  { count, newest }: LateDeletions,
  seq: Seq,
  countBefore: number,
): Millis | undefined | 'unknown' {
  const deletion = newest.find((one) => one.seq === seq)
  if (deletion) return deletion.at
  return count - countBefore > newest.length ? 'unknown' : undefined
}

/** When to try again, and after how long. Knows nothing of what is tried. */

import { setTimeout as sleep } from 'node:timers/promises'
import { CancelledError, NotLeaderError, UnavailableError, UnknownError } from '@eventstore/db-client'

export interface Backoff {
  /** Milliseconds before the second attempt; doubles with each further one. */
  readonly first: number
  readonly max: number
}

/** Half of it is jitter, so that the processes of a cluster do not come back all at once. */
export const delayOf = ({ first, max }: Backoff, failures: number): number =>
  Math.min(max, first * 2 ** Math.min(failures, 20)) * (0.5 + Math.random() / 2)

/** Resolves after the time, or as soon as the signal aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => {})

/** The server did not say in time what was asked for. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** Another attempt may go to another node, or to the same one when it is up again. */
export const isTransient = (error: unknown): boolean =>
  error instanceof UnavailableError ||
  error instanceof CancelledError ||
  error instanceof NotLeaderError ||
  error instanceof NoAnswerError ||
  // A connection that breaks in the middle of a read: "stream closed", RST_STREAM.
  (error instanceof UnknownError && (error.code === 13 || error.code === 2))

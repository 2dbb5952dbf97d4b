/** The times of delivery. Reads no configuration; `role.ts` does. */

export interface DeliverySettings {
  /** How long a person may take to acknowledge before a job is made. */
  readonly graceMs: number
  /** How long an api node may take to answer a nudge. */
  readonly nudgeTimeoutMs: number
  readonly backoff: BackoffSettings
  /** Tries since the person last acknowledged, after which the worker gives up. */
  readonly maxAttempts: number
  /** How often the read models are searched for people without a job. */
  readonly reconcileMs: number
  /** Jobs of the reconciler begin within this time, so that an emptied job store is no stampede. */
  readonly spreadMs: number
  /** Jobs under way at once in this process. */
  readonly concurrency: number
  /**
   * After giving up, a new message begins again no sooner than this for a person who is connected (and no sooner than the
   * cap of the backoff for others): each round writes two facts in every conversation that waits.
   */
  readonly restMs: number
  /** A worker that says nothing for so long has lost its jobs. */
  readonly lockMs: number
  /** How often lost jobs are looked for; each is found in the second look. */
  readonly stalledMs: number
}

/**
 * Where the jobs are in Postgres: a busy machine runs fewer of them then. A job costs some ten statements; while a thousand people came
 * back, jobs took 40 % of the CPU with 16 at once, and the others' sends 28 ms with 4 and 25 with 2 (p50), which is still some 90 tries a
 * second. (A node that does not answer holds each of them up for `nudgeTimeoutMs`.)
 */
export const CONCURRENCY_ON_POSTGRES = 2

export interface BackoffSettings {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
}

/** 12 attempts with these pauses take 2 hours and 25 minutes. */
export const DEFAULT_DELIVERY: DeliverySettings = {
  graceMs: 2_000,
  nudgeTimeoutMs: 2_000,
  backoff: { baseMs: 5_000, factor: 2, capMs: 3_600_000 },
  maxAttempts: 12,
  reconcileMs: 300_000,
  spreadMs: 30_000,
  concurrency: 16,
  restMs: 60_000,
  lockMs: 30_000,
  stalledMs: 15_000,
}

/**
 * Milliseconds until the next try, after `attempt` tries (1, 2, 3 …). Half of it is jitter: people who were lost together,
 * with a node, do not come back together.
 */
export function backoffMs({ baseMs, factor, capMs }: BackoffSettings, attempt: number): number {
  const full = Math.min(capMs, baseMs * factor ** (attempt - 1))
  return Math.round(full * (0.5 + Math.random() / 2))
}

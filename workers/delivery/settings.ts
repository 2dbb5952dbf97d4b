/** The times of delivery. Reads no configuration; `role.ts` does. */

export interface DeliverySettings {
  /** How long a person may take to acknowledge before a job is made. */
  readonly graceMs: number
  /** How long an api node may take to answer a nudge. */
  readonly nudgeTimeoutMs: number
  readonly backoff: BackoffSettings
  /** Tries in a conversation since the person last acknowledged there, after which the worker gives it up. */
  readonly maxAttempts: number
  /** How often the read models are searched for people without a job. */
  readonly reconcileMs: number
  /** Jobs of the reconciler begin within this time, so that an emptied job store is no stampede. */
  readonly spreadMs: number
  /** Jobs under way at once in this process: places in which they run, one after another. */
  readonly concurrency: number
  /** A place rests so many times as long as its job took, before it looks at the next: at most `MAX_PLACE_REST_MS`, and not at all with 0. */
  readonly placeRest: number
  /**
   * After giving up, a new message begins again no sooner than this for a person who is connected (and no sooner than the
   * cap of the backoff for others): each round writes two facts in every conversation that has something new.
   */
  readonly restMs: number
  /** A worker that says nothing for so long has lost its jobs. */
  readonly lockMs: number
  /** How often lost jobs are looked for; each is found in the second look. */
  readonly stalledMs: number
}

/**
 * Where the jobs are in Postgres: they run on the machine that appends. A job costs some ten statements; while a thousand people came
 * back, jobs took 40 % of the CPU with 16 at once, and the others' sends 28 ms with 4 and 25 with 2 (p50). With rests of twice a job those
 * took 20 instead of 23, p99 108 instead of 130 (medians of 7 and 4 runs), and all were live after 11 s instead of 13. Rests of four times a job
 * did no more. That leaves some 90 tries a second to a machine with nothing else to do and 30 to a busy one, in the order in which they are due:
 * of a thousand who went away together the last is tried half a minute late.
 * (A node that does not answer holds each of them up for `nudgeTimeoutMs`.)
 */
export const ON_POSTGRES: Pick<DeliverySettings, 'concurrency' | 'placeRest'> = {
  concurrency: 2,
  placeRest: 2,
}

/**
 * Most jobs take 5 to 25 ms. One that takes longer has waited for a node, which costs nobody anything, or records its try in hundreds of
 * conversations: both are seldom, and the next person need not wait a second for it.
 */
export const MAX_PLACE_REST_MS = 300

export interface BackoffSettings {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
}

/** 12 attempts with these pauses take 2 hours and 25 minutes; less where a younger conversation sets the pace meanwhile. */
export const DEFAULT_DELIVERY: DeliverySettings = {
  graceMs: 2_000,
  nudgeTimeoutMs: 2_000,
  backoff: { baseMs: 5_000, factor: 2, capMs: 3_600_000 },
  maxAttempts: 12,
  reconcileMs: 300_000,
  spreadMs: 30_000,
  concurrency: 16,
  placeRest: 0,
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

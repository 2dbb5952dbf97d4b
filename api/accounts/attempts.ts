/**
 * How often somebody may try to log in or register: token buckets in Postgres, so that neither a restart nor another node
 * gives new tries. Names and networks are kept as hashes. An attempt is taken before its password is looked at, so that a
 * thousand at once are not more than a thousand in a row.
 */
import { createHash } from 'node:crypto'
import type pg from 'pg'

export interface Allowance {
  readonly atOnce: number
  /** Then one more every so many seconds. */
  readonly everySeconds: number
}

export const ALLOWANCES = {
  /** Failed log-ins under one name, from wherever. */
  name: { atOnce: 10, everySeconds: 30 },
  /** Failed log-ins from one network, under whatever name. */
  network: { atOnce: 100, everySeconds: 6 },
  /** Registrations from one network. */
  registration: { atOnce: 100, everySeconds: 6 },
} as const satisfies Record<string, Allowance>

export type AttemptKind = keyof typeof ALLOWANCES

export interface Attempts {
  /** 0, or after how many milliseconds there will be another (then nothing was taken). No limit for `undefined`. */
  take(kind: AttemptKind, who: string | undefined): Promise<number>
  /** It was no failure. */
  giveBack(kind: AttemptKind, who: string | undefined): Promise<void>
  /** Removes the buckets that are full. */
  sweep(): Promise<void>
}

/** $2 seconds an attempt, $3 of them at once. A bucket that does not hold another stays as it is, and answers no row. */
const TAKE = `INSERT INTO accounts.attempts AS a (key, full_at) VALUES ($1, now() + make_interval(secs => $2))
  ON CONFLICT (key) DO UPDATE SET full_at = greatest(a.full_at, now()) + make_interval(secs => $2)
  WHERE a.full_at <= now() + make_interval(secs => $2 * ($3 - 1))
  RETURNING key`

const WAIT = `SELECT ceil(1000 * (extract(epoch FROM full_at - now()) - $2 * ($3 - 1)))::int AS ms
  FROM accounts.attempts WHERE key = $1`

const GIVE_BACK = `UPDATE accounts.attempts SET full_at = full_at - make_interval(secs => $2) WHERE key = $1`

const SWEEP = 'DELETE FROM accounts.attempts WHERE full_at <= now()'

const keyOf = (kind: AttemptKind, who: string): Buffer =>
  createHash('sha256').update(`${kind} ${who}`).digest()

export const createAttempts = (pool: pg.Pool): Attempts => ({
  take: async (kind, who) => {
    if (who === undefined) return 0
    const { atOnce, everySeconds } = ALLOWANCES[kind]
    const values = [keyOf(kind, who), everySeconds, atOnce]
    const { rowCount } = await pool.query(TAKE, values)
    if (rowCount === 1) return 0
    const { rows } = await pool.query<{ ms: number }>(WAIT, values)
    return Math.max(1, rows[0]?.ms ?? 1)
  },
  giveBack: async (kind, who) => {
    if (who === undefined) return
    await pool.query(GIVE_BACK, [keyOf(kind, who), ALLOWANCES[kind].everySeconds])
  },
  sweep: async () => {
    await pool.query(SWEEP)
  },
})

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
  /** Failed log-ins from one network, under whatever name. */
  network: { atOnce: 100, everySeconds: 6 },
  /** Failed log-ins under one name from one network: what fails there keeps nobody out elsewhere. */
  nameInNetwork: { atOnce: 10, everySeconds: 30 },
  /**
   * Failed log-ins under one name, from wherever it has not logged in lately: as many as ten networks may at once, however many are
   * guessing. Who guesses from a dozen networks uses it up for everybody, and so it does not hold where the name is at home.
   */
  name: { atOnce: 100, everySeconds: 3 },
  /** Registrations from one network. */
  registration: { atOnce: 100, everySeconds: 6 },
} as const satisfies Record<string, Allowance>

const HOME_DAYS = 30

type AttemptKind = keyof typeof ALLOWANCES

/** One attempt of this kind, and whose. No limit for `undefined`. */
export type Attempt = readonly [kind: AttemptKind, who: string | undefined]

export interface Attempts {
  /** All of them: 0. Or none: after how many milliseconds there will be another of the first that there is not. */
  take(taken: readonly Attempt[]): Promise<number>
  /** It was no failure. */
  giveBack(taken: readonly Attempt[]): Promise<void>
  /** Whether this name has logged in from this network within `HOME_DAYS`. */
  isAtHome(name: string, network: string | undefined): Promise<boolean>
  /** It has, now. */
  noteHome(name: string, network: string | undefined): Promise<void>
  /** Removes the buckets that are full, and the homes that are none any more. */
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

/** A row like a bucket's: what ends at a time, by a hash. */
const NOTE_HOME = `INSERT INTO accounts.attempts (key, full_at) VALUES ($1, now() + make_interval(days => ${HOME_DAYS}))
  ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at`

const IS_AT_HOME = 'SELECT FROM accounts.attempts WHERE key = $1 AND full_at > now()'

const SWEEP = 'DELETE FROM accounts.attempts WHERE full_at <= now()'

const keyOf = (kind: AttemptKind | 'home', who: string): Buffer =>
  createHash('sha256').update(`${kind} ${who}`).digest()
const homeOf = (name: string, network = ''): Buffer => keyOf('home', `${network} ${name}`)

export function createAttempts(pool: pg.Pool): Attempts {
  async function takeOne([kind, who]: Attempt): Promise<number> {
    if (who === undefined) return 0
    const { atOnce, everySeconds } = ALLOWANCES[kind]
    const values = [keyOf(kind, who), everySeconds, atOnce]
    const { rowCount } = await pool.query(TAKE, values)
    if (rowCount === 1) return 0
    const { rows } = await pool.query<{ ms: number }>(WAIT, values)
    return Math.max(1, rows[0]?.ms ?? 1)
  }

  async function giveBack(taken: readonly Attempt[]): Promise<void> {
    for (const [kind, who] of taken) {
      if (who !== undefined) await pool.query(GIVE_BACK, [keyOf(kind, who), ALLOWANCES[kind].everySeconds])
    }
  }

  return {
    take: async (taken) => {
      for (const [index, attempt] of taken.entries()) {
        const waitMs = await takeOne(attempt)
        if (waitMs === 0) continue
        await giveBack(taken.slice(0, index))
        return waitMs
      }
      return 0
    },
    giveBack,
    isAtHome: async (name, network) => (await pool.query(IS_AT_HOME, [homeOf(name, network)])).rowCount === 1,
    noteHome: async (name, network) => {
      await pool.query(NOTE_HOME, [homeOf(name, network)])
    },
    sweep: async () => {
      await pool.query(SWEEP)
    },
  }
}

/**
 * Log-ins and their refresh tokens. A token is `<loginId>.<secret>` and is exchanged for the next one; only the newest opens
 * anything. An older one that comes again was stolen, or the newest was: nobody can tell which, so the log-in ends (RFC 9700,
 * 4.14.2). Knows no password, and signs no access token.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { UserId } from '../../domain/ids.ts'

export const LOGIN_DAYS = 30
/** Of one person; the one that was not used for the longest time makes room. */
const MAX_LOGINS = 100

export interface Login {
  readonly loginId: string
  readonly userId: UserId
}

export interface LiveLogin extends Login {
  readonly name: string
  readonly refreshToken: string
}

export type Exchanged =
  | ({ readonly kind: 'exchanged' } & LiveLogin)
  /** An old token came again: the log-in is over. */
  | ({ readonly kind: 'reused' } & Login)
  | { readonly kind: 'unknown' }

export interface Logins {
  begin(userId: UserId): Promise<Omit<LiveLogin, 'name'>>
  exchange(refreshToken: string): Promise<Exchanged>
  /** The log-in that ended; `undefined` if there was none. */
  end(refreshToken: string): Promise<Login | undefined>
  /** Removes those that were not used for too long. */
  sweep(): Promise<void>
}

const BEGIN = `INSERT INTO accounts.logins (login_id, user_id, token_hash, expires_at)
  VALUES ($1, $2, $3, now() + make_interval(days => ${LOGIN_DAYS}))`

const MAKE_ROOM = `DELETE FROM accounts.logins WHERE login_id IN
  (SELECT login_id FROM accounts.logins WHERE user_id = $1 ORDER BY exchanged_at DESC OFFSET ${MAX_LOGINS})`

/** Of two at once with the same token, one finds it; the other has used it again. */
const EXCHANGE = `UPDATE accounts.logins l
  SET token_hash = $3, exchanged_at = now(),
      expires_at = now() + make_interval(days => ${LOGIN_DAYS})
  FROM accounts.people p
  WHERE l.login_id = $1 AND l.token_hash = $2 AND l.expires_at > now() AND p.user_id = l.user_id
  RETURNING l.user_id AS "userId", p.name`

/** By the log-in alone, so that it waits for an exchange under way: of a row that is not what is asked for nothing is waited for. */
const STANDING = `SELECT l.user_id AS "userId", p.name, l.token_hash = $2 AS "isNext"
  FROM accounts.logins l JOIN accounts.people p USING (user_id) WHERE l.login_id = $1 FOR UPDATE OF l`

const END = `DELETE FROM accounts.logins WHERE login_id = $1 RETURNING user_id AS "userId", expires_at <= now() AS "hadExpired"`

const SWEEP = 'DELETE FROM accounts.logins WHERE expires_at <= now()'

interface Person {
  readonly userId: UserId
  readonly name: string
}

interface Token {
  readonly loginId: string
  readonly secret: string
}

const FORM =
  /^(?<loginId>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.(?<secret>[\w-]{43})$/

const parse = (text: string): Token | undefined => FORM.exec(text)?.groups as Token | undefined
const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
/** What access tokens call a log-in: its id opens nothing, but ends it, and so is in refresh tokens alone. */
export const loginName = (loginId: string): string =>
  createHash('sha256').update(loginId).digest('hex').slice(0, 32)

const newSecret = (): string => randomBytes(32).toString('base64url')

export function createLogins(pool: pg.Pool): Logins {
  async function endLogin(loginId: string): Promise<(Login & { readonly hadExpired: boolean }) | undefined> {
    const { rows } = await pool.query<{ userId: UserId; hadExpired: boolean }>(END, [loginId])
    return rows[0] && { loginId, ...rows[0] }
  }

  /**
   * If the answer was lost it is looked up whether it happened, once it is over: whoever is told to try again although it did would come with the
   * old token, as a thief would. While the database does not answer at all, nobody knows.
   */
  async function exchangeSurely(loginId: string, before: Buffer, next: Buffer): Promise<Person | undefined> {
    try {
      return (await pool.query<Person>(EXCHANGE, [loginId, before, next])).rows[0]
    } catch (error) {
      const values = [loginId, next]
      const { rows } = await pool
        .query<Person & { isNext: boolean }>(STANDING, values)
        .catch(() => ({ rows: [] }))
      const [standing] = rows
      if (standing?.isNext) return { userId: standing.userId, name: standing.name }
      throw error
    }
  }

  return {
    begin: async (userId) => {
      const loginId = randomUUID()
      const secret = newSecret()
      await pool.query(BEGIN, [loginId, userId, hashOf(secret)])
      await pool.query(MAKE_ROOM, [userId])
      return { loginId, userId, refreshToken: `${loginId}.${secret}` }
    },
    exchange: async (refreshToken) => {
      const token = parse(refreshToken)
      if (!token) return { kind: 'unknown' }
      const { loginId, secret } = token
      const next = newSecret()
      const person = await exchangeSurely(loginId, hashOf(secret), hashOf(next))
      if (person) return { kind: 'exchanged', loginId, ...person, refreshToken: `${loginId}.${next}` }
      const ended = await endLogin(loginId)
      if (!ended || ended.hadExpired) return { kind: 'unknown' }
      return { kind: 'reused', loginId, userId: ended.userId }
    },
    end: async (refreshToken) => {
      // Whichever token of the log-in it is: who has an old one should not have it either.
      const token = parse(refreshToken)
      return token && (await endLogin(token.loginId))
    },
    sweep: async () => {
      await pool.query(SWEEP)
    },
  }
}

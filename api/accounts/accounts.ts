/**
 * Accounts for people without an identity provider: a name and a password become tokens. Composes what the files beside it
 * own; knows no HTTP.
 */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { UserId } from '../../domain/ids.ts'
import type { SignedIn } from '../../protocol/answers.ts'
import type { Logger } from '../../runtime/logging.ts'
import { LOGIN_CLAIM, millisOf } from '../auth/identity.ts'
import { type Signing, signToken } from '../auth/sign-token.ts'
import { ApiProblem } from '../problem.ts'
import { networkOf } from '../rate-limits/network-of.ts'
import { type Attempt, createAttempts } from './attempts.ts'
import { createLines } from './lines.ts'
import { createLogins, type LiveLogin, type Login, loginName } from './logins.ts'
import { accountName, newAccountName } from './name.ts'
import { createPasswords } from './passwords.ts'

export interface Credentials {
  readonly name: string
  readonly password: string
}

/** All throw an `ApiProblem`: `unauthorized`, `conflict`, `rate_limited`, `overloaded`, or for input that breaks a rule. */
export interface Accounts {
  /** @param address of who asks, as in `request.ip`. */
  register(credentials: Credentials, address: string): Promise<SignedIn>
  login(credentials: Credentials, address: string): Promise<SignedIn>
  refresh(refreshToken: string): Promise<SignedIn>
  /** Also of a log-in that is over, or never was. */
  logout(refreshToken: string): Promise<void>
  sweep(): Promise<void>
}

export interface AccountDeps {
  readonly pool: pg.Pool
  readonly signing: Signing
  readonly log: Logger
  /** A log-in has ended before its time: its sockets should. */
  readonly onEnded: (login: Login) => void
}

/** Short, because nobody looks up whether its log-in is still there. */
const TOKEN_SECONDS = 15 * 60

const REGISTER = `INSERT INTO accounts.people (user_id, name, name_key, password_hash) VALUES ($1, $2, $3, $4)
  ON CONFLICT (name_key) DO NOTHING`

const FIND = `SELECT user_id AS "userId", name, password_hash AS kept FROM accounts.people WHERE name_key = $1`

interface Person {
  readonly userId: UserId
  readonly name: string
  readonly kept: string
}

export function createAccounts({ pool, signing, log, onEnded }: AccountDeps): Accounts {
  const attempts = createAttempts(pool)
  const logins = createLogins(pool)
  const passwords = createPasswords()
  const inLine = createLines()
  /** On this machine itself networks cannot be told apart; names can. */
  const lineOf = (network: string | undefined, key: string) => network ?? `name ${key}`

  async function take(taken: readonly Attempt[]): Promise<void> {
    const waitMs = await attempts.take(taken)
    if (waitMs > 0) throw new ApiProblem('rate_limited', 'too many attempts', waitMs)
  }

  /** Never rejects: what is not given back is there again after a while, and nobody is told anything else for it. */
  async function giveBack(taken: readonly Attempt[]): Promise<void> {
    await attempts.giveBack(taken).catch((err) => log.warn({ err }, 'attempts could not be given back'))
  }

  /** What cannot be looked at now, or is no password at all, is no attempt. */
  async function orGiveBack<T>(taken: readonly Attempt[], work: () => Promise<T>): Promise<T> {
    return await work().catch(async (error) => {
      await giveBack(taken)
      throw error
    })
  }

  /** `undefined`: there is nobody of this name and password. As slow for a name that is nobody's. */
  async function personOf(key: string, password: string): Promise<Person | undefined> {
    const { rows } = await pool.query<Person>(FIND, [key])
    return (await passwords.matches(rows[0]?.kept, password)) ? rows[0] : undefined
  }

  const ended = ({ userId, loginId }: Login) => onEnded({ userId, loginId: loginName(loginId) })

  async function signIn({ userId, loginId, name, refreshToken }: LiveLogin): Promise<SignedIn> {
    const exp = Math.floor(Date.now() / 1000) + TOKEN_SECONDS
    const token = await signToken(signing, userId, { name, [LOGIN_CLAIM]: loginName(loginId) }, exp)
    return { userId, token, refreshToken, expiresAt: millisOf({ exp }) }
  }

  return {
    register: async ({ name, password }, address) => {
      const { shown, key } = newAccountName(name)
      const network = networkOf(address)
      const kept = await inLine(lineOf(network, key), async () => {
        const taken: Attempt[] = [['registration', network]]
        await take(taken)
        return await orGiveBack(taken, () => passwords.hashOf(password))
      })
      // Not made of the name: tokens of the operator's own may name anybody, and must not be met by whoever comes first.
      const userId = randomUUID() as UserId
      const { rowCount } = await pool.query(REGISTER, [userId, shown, key, kept])
      // It stays counted: it tells that the name is there.
      if (rowCount === 0) throw new ApiProblem('conflict', 'this name is taken')
      await attempts.noteHome(key, network)
      return await signIn({ ...(await logins.begin(userId)), name: shown })
    },

    login: async ({ name, password }, address) => {
      const { key } = accountName(name)
      const network = networkOf(address)
      const person = await inLine(lineOf(network, key), async () => {
        // 1. an attempt, of the network first: one that has none left takes none of the name
        const taken: Attempt[] = [
          ['network', network],
          ['nameInNetwork', `${network ?? ''} ${key}`],
          ['name', (await attempts.isAtHome(key, network)) ? undefined : key],
        ]
        await take(taken)
        // 2. the password
        const found = await orGiveBack(taken, () => personOf(key, password))
        if (!found) throw new ApiProblem('unauthorized', 'name or password is wrong')
        // 3. it was no failure
        await giveBack(taken)
        await attempts.noteHome(key, network)
        return found
      })
      return await signIn({ ...(await logins.begin(person.userId)), name: person.name })
    },

    refresh: async (refreshToken) => {
      const exchanged = await logins.exchange(refreshToken)
      switch (exchanged.kind) {
        case 'exchanged':
          return await signIn(exchanged)
        case 'reused':
          log.warn({ userId: exchanged.userId }, 'an old refresh token came again: the log-in was ended')
          ended(exchanged)
          throw new ApiProblem('unauthorized', 'this refresh token was used before: log in again')
        case 'unknown':
          throw new ApiProblem('unauthorized', 'the refresh token is not valid, or no longer')
        default:
          return exchanged satisfies never
      }
    },

    logout: async (refreshToken) => {
      const login = await logins.end(refreshToken)
      if (login) ended(login)
    },

    sweep: async () => {
      await attempts.sweep()
      await logins.sweep()
    },
  }
}

/** Where the people of the checks get their tokens: signed with the system's secret, or from accounts of their own. */
import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { CannotCheck } from './cannot-check.ts'

export interface Claims {
  readonly sub: string
  readonly name?: string
  readonly roles?: readonly string[]
  /** Unix seconds. */
  readonly exp: number
}

export interface Tokens {
  /** A new person, whose id begins with the name or is given by the system. */
  person(name: string): Promise<{ readonly userId: string; readonly token: string }>
  /** A token with these claims. Rejects with `CannotCheck` without a secret. */
  sign(claims: Claims): Promise<string>
}

const VALID_SECONDS = 3600

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds

export const signWith = (secret: string, { sub, exp, ...claims }: Claims): Promise<string> =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(exp)
    .sign(Buffer.from(secret))

export const tokensFromSecret = (secret: string): Tokens => ({
  person: async (name) => {
    const userId = unique(name)
    return { userId, token: await signWith(secret, { sub: userId, name, exp: inSeconds(VALID_SECONDS) }) }
  },
  sign: (claims) => signWith(secret, claims),
})

/** @param url `http://host:port` */
export const tokensFromAccounts = (url: string): Tokens => ({
  person: async (name) => {
    const response = await fetch(new URL('/v1/auth/register', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: unique(name), password: randomBytes(18).toString('base64url') }),
    })
    const text = await response.text()
    if (response.status === 429) {
      throw new CannotCheck('this system makes no more accounts for this address just now: give --secret')
    }
    if (!response.ok) throw new Error(`no account: HTTP ${response.status} ${text}`)
    return JSON.parse(text) as { userId: string; token: string }
  },
  sign: async () => {
    throw new CannotCheck('needs a token made for it: give --secret')
  },
})

export const unique = (name: string): string => `${name}-${randomBytes(6).toString('hex')}`

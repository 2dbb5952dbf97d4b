/** Tokens and those who look at them: signed with our secret, by a forger's hand, or by an identity provider that is followed. */
import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { onTestFinished } from 'vitest'
import { followKeySet, type KeySetTiming } from '../../../api/auth/key-set.ts'
import { createTokenVerifier, type TokenSettings } from '../../../api/auth/verify-token.ts'
import { createLogger } from '../../../runtime/logging.ts'
import {
  type IdentityProvider,
  makeKey,
  type ProviderKey,
  startIdentityProvider,
} from './identity-provider.ts'

export const SECRET = 'the secret that signs tokens of our own'
export const OTHER = 'the secret that signed them before that'
const log = createLogger({ level: 'silent', process: 'test' })
export const now = () => Math.floor(Date.now() / 1000)
export const claims = (more: object = {}) => ({ sub: 'alice', exp: now() + 600, ...more })
export const own = (payload: object, secret = SECRET, header: object = {}) =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: 'HS256', ...header }).sign(Buffer.from(secret))

/** Written by hand, as a forger would: `jose` refuses to. */
export function handmade(header: object, payload: object, secret = ''): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${secret && createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** Of a provider, one of each algorithm: `rsa`, `ec` and `ed`. */
export const makeKeys = () => Promise.all([makeKey('rsa', 'RS256'), makeKey('ec'), makeKey('ed', 'EdDSA')])

const DEFAULTS: TokenSettings = {
  jwtSecret: SECRET,
  jwtSecretPrevious: undefined,
  jwtIssuer: undefined,
  jwtAudience: undefined,
}
export const verifier = (settings: Partial<TokenSettings> = {}) =>
  createTokenVerifier({ ...DEFAULTS, ...settings }, undefined)

interface Following {
  readonly settings?: Partial<TokenSettings>
  readonly timing?: Partial<KeySetTiming>
}

/** Until the end of the test. */
export function follow({ url }: IdentityProvider, { settings, timing }: Following = {}) {
  const keySet = followKeySet(url, log, {
    refreshMs: 3_600_000,
    cooldownMs: 100,
    retryMs: 0,
    ...timing,
  })
  onTestFinished(() => keySet.close())
  return createTokenVerifier({ ...DEFAULTS, ...settings }, keySet)
}

/** Until the end of the test. */
export async function startProvider(...keys: readonly ProviderKey[]): Promise<IdentityProvider> {
  const provider = await startIdentityProvider(...keys)
  onTestFinished(() => provider.stop())
  return provider
}

export async function withProvider(keys: readonly ProviderKey[], following: Following = {}) {
  const provider = await startProvider(...keys)
  return { provider, verify: follow(provider, following) }
}

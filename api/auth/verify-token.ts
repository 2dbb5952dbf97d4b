/**
 * Checks bearer tokens: HS256 with our secret, or RS256, ES256 and EdDSA with the keys of an identity provider. Whose they are
 * is said by the claims; who may do what is decided elsewhere.
 */
import { webcrypto } from 'node:crypto'
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose'
import { ApiProblem } from '../problem.ts'
import { claims, type Identity, isValid } from './identity.ts'
import type { KeySet } from './key-set.ts'

export interface TokenSettings {
  readonly jwtSecret: string
  /** Still accepted, while tokens that it signed are about. */
  readonly jwtSecretPrevious: string | undefined
  /** What `iss` and `aud` must say, of whoever signed; `undefined`: anything. */
  readonly jwtIssuer: string | undefined
  readonly jwtAudience: string | undefined
}

/**
 * The identity, or `undefined` for a token that is malformed, forged, expired or without the claims we need.
 * @throws ApiProblem `unavailable` when its key is not known and cannot be asked for.
 */
export type VerifyToken = (token: string) => Promise<Identity | undefined>

const OWN_ALGORITHMS = ['HS256']
const PROVIDER_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']

/** Larger ones are not looked at. HTTP headers end at 16 KiB anyway; frames do not. */
const MAX_TOKEN_CHARACTERS = 8 * 1024
/** For the start (`nbf`) of a token whose maker's clock is ahead of ours. Its end is meant as it is written. */
const CLOCK_TOLERANCE_SECONDS = 30
const RETRY_PROVIDER_MS = 1000

/** @param provider the keys of the identity provider, where there is one. */
export function createTokenVerifier(settings: TokenSettings, provider: KeySet | undefined): VerifyToken {
  const { jwtSecret, jwtSecretPrevious, jwtIssuer, jwtAudience } = settings
  const secrets = [jwtSecret, jwtSecretPrevious].filter((secret) => secret !== undefined).map(importSecret)
  const options: JWTVerifyOptions = {
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(jwtIssuer === undefined ? {} : { issuer: jwtIssuer }),
    ...(jwtAudience === undefined ? {} : { audience: jwtAudience }),
  }

  // The algorithm chooses the keys, and each key accepts only its own algorithms: no confusion between the two.
  async function payloadOf(token: string): Promise<JWTPayload | undefined> {
    const { alg = '', kid } = headerOf(token)
    if (OWN_ALGORITHMS.includes(alg)) return await byOneOf(secrets, token, OWN_ALGORITHMS)
    if (!provider || !PROVIDER_ALGORITHMS.includes(alg)) return undefined
    const asked = performance.now()
    const payload = await byProvider(provider, token)
    if (payload || kid !== undefined) return payload
    // It names no key: it may be of one that is new.
    await provider.seenSince(asked)
    return await byProvider(provider, token)
  }

  /** `undefined`: none of the keys that it may be of has signed it. */
  async function byProvider({ find }: KeySet, token: string): Promise<JWTPayload | undefined> {
    try {
      return (await jwtVerify(token, find, { algorithms: PROVIDER_ALGORITHMS, ...options })).payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined
      // A token that names no key, while the provider has several: the error holds those that it may be.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      return await byOneOf(error, token, PROVIDER_ALGORITHMS)
    }
  }

  async function byOneOf(
    keys: Iterable<Promise<webcrypto.CryptoKey>> | AsyncIterable<webcrypto.CryptoKey>,
    token: string,
    algorithms: string[],
  ): Promise<JWTPayload | undefined> {
    for await (const key of keys) {
      try {
        return (await jwtVerify(token, key, { algorithms, ...options })).payload
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      }
    }
    return undefined
  }

  return async (token) => {
    if (token.length > MAX_TOKEN_CHARACTERS) return undefined
    try {
      const identity = claims.safeParse(await payloadOf(token)).data
      return identity && isValid(identity) ? identity : undefined
    } catch (error) {
      if (isTokensFault(error)) return undefined
      throw new ApiProblem(
        'unavailable',
        'the keys of the identity provider cannot be read',
        RETRY_PROVIDER_MS,
      )
    }
  }
}

/** Once: `jose` would do it for each token, which is half of what checking one costs (170 µs, and 90 with this). */
const importSecret = (secret: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('raw', Buffer.from(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])

/** Empty for what is no token. */
function headerOf(token: string): ProtectedHeaderParameters {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return {}
  }
}

/** The token is wrong, expired or signed with a key that is nobody's; anything else is a fault of the way to the keys. */
const isTokensFault = (error: unknown): boolean =>
  /^ERR_(JWT|JWS_|JWKS_NO_MATCHING_KEY|JOSE_ALG|JOSE_NOT_SUPPORTED)/.test(
    String((error as { code?: unknown }).code),
  )

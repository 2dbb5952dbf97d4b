/** Checks bearer tokens: HS256 with our secret, or RS256, ES256 and EdDSA with the keys of an identity provider. */
import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { ApiProblem } from '../problem.ts'
import { claims, type Identity } from './identity.ts'

export interface TokenKeys {
  readonly jwtSecret: string
  readonly jwksUrl: string | undefined
}

/** The identity, or `undefined` for a token that is malformed, forged, expired or without the claims we need. */
export type VerifyToken = (token: string) => Promise<Identity | undefined>

const PROVIDER_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']

export function createTokenVerifier({ jwtSecret, jwksUrl }: TokenKeys): VerifyToken {
  const secret = createSecretKey(Buffer.from(jwtSecret))
  const provider = jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl))

  return async (token) => {
    // The algorithm chooses the key, and each key accepts only its own algorithms: no confusion between the two.
    const algorithm = algorithmOf(token)
    if (algorithm === undefined || (algorithm !== 'HS256' && !provider)) return undefined
    try {
      const { payload } =
        algorithm === 'HS256' || !provider
          ? await jwtVerify(token, secret, { algorithms: ['HS256'], requiredClaims: ['sub', 'exp'] })
          : await jwtVerify(token, provider, {
              algorithms: PROVIDER_ALGORITHMS,
              requiredClaims: ['sub', 'exp'],
            })
      return claims.safeParse(payload).data
    } catch (error) {
      if (isTokensFault(error)) return undefined
      throw new ApiProblem('unavailable', 'the keys of the identity provider cannot be read', 1000)
    }
  }
}

function algorithmOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).alg
  } catch {
    return undefined
  }
}

/** The token is wrong, expired or signed with a key that is nobody's; anything else is a fault of the way to the keys. */
const isTokensFault = (error: unknown): boolean =>
  /^ERR_(JWT|JWS|JWKS_NO_MATCHING_KEY|JWKS_MULTIPLE|JOSE_ALG|JOSE_NOT_SUPPORTED)/.test(
    String((error as { code?: unknown }).code),
  )

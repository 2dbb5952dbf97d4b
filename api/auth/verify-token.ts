/** Checks bearer tokens: HS256 with our secret, or RS256, ES256 and EdDSA with the keys of an identity provider. */
import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
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
    try {
      // The algorithm chooses the key, and each key accepts only its own algorithms: no confusion between the two.
      const symmetric = decodeProtectedHeader(token).alg === 'HS256'
      if (!symmetric && !provider) return undefined
      const { payload } =
        symmetric || !provider
          ? await jwtVerify(token, secret, { algorithms: ['HS256'], requiredClaims: ['sub', 'exp'] })
          : await jwtVerify(token, provider, {
              algorithms: PROVIDER_ALGORITHMS,
              requiredClaims: ['sub', 'exp'],
            })
      return claims.safeParse(payload).data
    } catch {
      return undefined
    }
  }
}

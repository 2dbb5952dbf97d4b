/** Signs tokens of our own: HS256, with what `verify-token.ts` asks of every token. Decides nothing about who gets one. */
import { SignJWT } from 'jose'
import type { TokenSettings } from './verify-token.ts'

export type Signing = Omit<TokenSettings, 'jwtSecretPrevious'>

/**
 * @param claims beside `sub`, `iat` and `exp` (`identity.ts`).
 * @param expiresAt Unix seconds.
 */
export function signToken(
  { jwtSecret, jwtIssuer, jwtAudience }: Signing,
  userId: string,
  claims: Readonly<Record<string, unknown>>,
  expiresAt: number,
): Promise<string> {
  const token = new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
  if (jwtIssuer !== undefined) token.setIssuer(jwtIssuer)
  if (jwtAudience !== undefined) token.setAudience(jwtAudience)
  return token.sign(Buffer.from(jwtSecret))
}

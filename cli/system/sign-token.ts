/** Signs the tokens of made-up people, for commands that play them. For real ones there is `triptick token`. */
import { SignJWT } from 'jose'

/** Longer than any demo, replay or bench. */
const VALID_FOR = '12h'

export function signToken(secret: string, userId: string, name?: string): Promise<string> {
  return new SignJWT(name === undefined ? {} : { name })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(VALID_FOR)
    .sign(Buffer.from(secret))
}

/** Signs the tokens of made-up people, for commands that play them. For real ones there is `triptick token`. */
import { type Signing, signToken } from '../../api/auth/sign-token.ts'

/** Longer than any demo, replay or bench. */
const VALID_FOR_SECONDS = 12 * 3600

export function signPlayer(signing: Signing, userId: string, name?: string): Promise<string> {
  const expires = Math.floor(Date.now() / 1000) + VALID_FOR_SECONDS
  return signToken(signing, userId, name === undefined ? {} : { name }, expires)
}

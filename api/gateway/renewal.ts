/** A token that ends on an open socket is followed by another of the same person, without a reconnect. */
import type { ErrorCode } from '../../protocol/errors.ts'
import { type Identity, LOGIN_CLAIM } from '../auth/identity.ts'
import type { VerifyToken } from '../auth/verify-token.ts'
import type { Expiry } from './expiry.ts'
import type { Session } from './session.ts'

export type Renewal =
  | { readonly kind: 'renewed'; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }

/** From now on the session lives as long as this token. @throws ApiProblem `unavailable`, as `VerifyToken` does. */
export type Renew = (session: Session, token: string) => Promise<Renewal>

export function createRenew(verifyToken: VerifyToken, expiry: Pick<Expiry, 'expect'>): Renew {
  let asked = 0
  /** Of each session, which renewal counts: to verify one may take seconds longer than one that came after it. */
  const newest = new WeakMap<Session, number>()

  return async (session, token) => {
    const number = ++asked
    const identity = await verifyToken(token)
    if (!identity) return refused('unauthorized', 'the token is not valid, or no longer')
    if (identity.sub !== session.userId) return refused('forbidden', 'the token is of somebody else')
    if (number > (newest.get(session) ?? 0)) {
      newest.set(session, number)
      session.expiresAt = identity.exp
      session.loginId = identity[LOGIN_CLAIM]
      expiry.expect(identity.exp)
    }
    return { kind: 'renewed', identity }
  }
}

const refused = (code: ErrorCode, message: string): Renewal => ({ kind: 'refused', code, message })

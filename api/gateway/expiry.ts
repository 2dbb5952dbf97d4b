/** Ends sockets whose token has ended and was not renewed: one timer for all of them, and no look before the first is due. */
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { Hub } from './hub.ts'

export interface Expiry {
  /** A session begins, or has a new token, that ends then (Unix seconds). */
  expect(expiresAt: number): void
  stop(): void
}

const CHECK_MS = 1_000

export function startExpiry(hub: Pick<Hub, 'all'>): Expiry {
  let first = Number.POSITIVE_INFINITY

  const timer = setInterval(() => {
    const now = Date.now() / 1000
    if (first > now) return
    first = Number.POSITIVE_INFINITY
    for (const session of [...hub.all()]) {
      if (session.expiresAt <= now) session.close(CLOSE_CODES.authenticationEnded, 'the token has ended')
      else first = Math.min(first, session.expiresAt)
    }
  }, CHECK_MS)

  return {
    expect: (expiresAt) => {
      first = Math.min(first, expiresAt)
    },
    stop: () => clearInterval(timer),
  }
}

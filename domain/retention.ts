/**
 * How long the bodies of messages are kept. A body that is not kept for ever is *temporary*: it stands beside the ledger, sealed,
 * until it is due; the ledger holds its hash alone.
 */
import type { Millis } from './ids.ts'

/** Of a conversation; counts for the messages that are sent from then on. */
export type Retention =
  | { readonly mode: 'permanent' }
  /** Until every other member has it, and at most for `seconds`. */
  | { readonly mode: 'until-delivered'; readonly seconds: number }
  /** For `seconds` after it was sent. */
  | { readonly mode: 'ttl'; readonly seconds: number }

/** Of a message whose body is temporary. */
export interface Temporary {
  readonly mode: 'until-delivered' | 'ttl'
  /** From here on nobody is given the body, delivered or not. */
  readonly expiresAt: Millis
}

/** Why a temporary body is no more: everybody had it, its time was over, or it waited for its longest time undelivered. */
export type ExpiryReason = 'delivered' | 'ttl' | 'undelivered'

/** How long a body waits for delivery where nobody said otherwise: 30 days. */
export const UNDELIVERED_SECONDS = 30 * 86_400

export const PERMANENT: Retention = { mode: 'permanent' }

export const sameRetention = (a: Retention, b: Retention): boolean =>
  a.mode === b.mode && secondsOf(a) === secondsOf(b)

/** `undefined` for a body that is kept for ever. */
export function temporaryFor(retention: Retention, sentAt: Millis): Temporary | undefined {
  switch (retention.mode) {
    case 'permanent':
      return undefined
    case 'until-delivered':
    case 'ttl':
      return { mode: retention.mode, expiresAt: (sentAt + retention.seconds * 1000) as Millis }
    default:
      return retention satisfies never
  }
}

const secondsOf = (retention: Retention): number | undefined =>
  retention.mode === 'permanent' ? undefined : retention.seconds

/**
 * Tickets for browsers, which cannot send a header with a WebSocket: single use, 30 seconds, good on every node. Kept in
 * Postgres by their hash, so that a stolen table opens nothing.
 */
import { createHash, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { claims, type Identity, isValid } from './identity.ts'

export const TICKET_SECONDS = 30

const ISSUE = `INSERT INTO gateway.tickets (hash, claims, expires_at)
  VALUES ($1, $2, now() + make_interval(secs => ${TICKET_SECONDS}))`

/** Deleting is what makes it single use: of two that try, one gets the row. */
const REDEEM = 'DELETE FROM gateway.tickets WHERE hash = $1 RETURNING claims, expires_at > now() AS valid'

const SWEEP = 'DELETE FROM gateway.tickets WHERE expires_at < now()'

export interface Tickets {
  issue(identity: Identity): Promise<string>
  /** The identity it was issued to; `undefined` if it never was, was used, or is too old. */
  redeem(ticket: string): Promise<Identity | undefined>
  /** Removes the unused ones that are too old. */
  sweep(): Promise<void>
}

const hashOf = (ticket: string): Buffer => createHash('sha256').update(ticket).digest()

export const createTickets = (pool: pg.Pool): Tickets => ({
  issue: async (identity) => {
    const ticket = randomBytes(24).toString('base64url')
    await pool.query({ name: 'ticket-issue', text: ISSUE, values: [hashOf(ticket), identity] })
    return ticket
  },
  redeem: async (ticket) => {
    const { rows } = await pool.query<{ claims: unknown; valid: boolean }>({
      name: 'ticket-redeem',
      text: REDEEM,
      values: [hashOf(ticket)],
    })
    if (!rows[0]?.valid) return undefined
    const identity = claims.parse(rows[0].claims)
    // A ticket opens nothing that its token would not.
    return isValid(identity) ? identity : undefined
  },
  sweep: async () => {
    await pool.query({ name: 'ticket-sweep', text: SWEEP })
  },
})

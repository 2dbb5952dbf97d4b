/** What an error means for the engine: try again, park an event, or stop. Handles none itself. */
import { UndecodableEvent } from '../../ledger/codec/decode.ts'
import { UnapplicableEvent } from '../fold/unapplicable-event.ts'

/**
 * - `transient`: Postgres or the network is in the way for now. Try again, with backoff.
 * - `poison`: an event cannot be applied, however often it is tried. Park it and its conversation.
 * - `fatal`: anything else (a missing table, a bug). Stop.
 */
export type Failure = 'transient' | 'poison' | 'fatal'

/** The engine cannot go on, and says why to a person. */
export class EngineStopped extends Error {
  override readonly name = 'EngineStopped'
  readonly reason: 'fenced' | 'mismatch' | 'missing' | 'too-many-parked' | 'other-version' | 'beyond-ledger'

  constructor(reason: EngineStopped['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** Of SQLSTATE: connection, resources, cancellation and shutdown, serialisation and deadlock, locks not had in time, a server that only reads for now. */
const TRANSIENT = /^(08|53|57|40|55P03|25P03|25006|58030)/
/** Data that a column does not take, constraints, and what is too large for a row, an index or a tsvector. */
const POISON = /^(22|23|54000)/
/** `pg` has no code for a connection that ended in the middle of a query, `pg-pool` none for one that it could not give in time. */
const WITHOUT_CODE =
  /^(Connection terminated|Client (has encountered a connection error|was closed)|timeout expired|timeout exceeded when trying to connect)/
const NETWORK = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
])

export function classify(error: unknown): Failure {
  if (error instanceof UndecodableEvent || error instanceof UnapplicableEvent) return 'poison'
  if (!(error instanceof Error)) return 'fatal'
  const code = codeOf(error)
  if (code === undefined) {
    return WITHOUT_CODE.test(error.message) ? 'transient' : 'fatal'
  }
  if (NETWORK.has(code) || TRANSIENT.test(code)) return 'transient'
  return POISON.test(code) ? 'poison' : 'fatal'
}

/** Why an event was parked. Messages of Postgres may quote values, so of those only the code and the constraint are told. */
export function describePoison(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = codeOf(error)
  if (code === undefined) return error.message
  const constraint =
    'constraint' in error && typeof error.constraint === 'string' ? error.constraint : undefined
  return `Postgres refused it: SQLSTATE ${code}${constraint === undefined ? '' : ` on ${constraint}`}`
}

const codeOf = (error: Error): string | undefined =>
  'code' in error && typeof error.code === 'string' ? error.code : undefined

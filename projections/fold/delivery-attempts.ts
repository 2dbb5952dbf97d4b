/** What a batch adds to `delivery_attempts`: tries of the delivery worker, and its giving up. */
import type { DeliveryAttempted, DeliveryExhausted } from '../../domain/events.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

export type AttemptChanges = {
  readonly event: DeliveryAttempted | DeliveryExhausted
  readonly position: Position
}[]

const addAttempts = perSchema((schema) => ({
  name: `${schema}: add delivery attempts`,
  text: `
    INSERT INTO ${schema}.delivery_attempts
      (conversation_id, user_id, device_id, from_seq, to_seq, channel, attempt, outcome, error, at, position)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::int[], $8::text[],
      $9::text[], $10::bigint[], $11::bigint[])`,
}))

export function attemptWrites(schema: ReadSchema, attempts: AttemptChanges): Write[] {
  if (attempts.length === 0) return []
  const tried = ({ event }: AttemptChanges[number]): DeliveryAttempted | undefined =>
    event.type === 'DeliveryAttempted' ? event : undefined
  const values = [
    plain(attempts, ({ event }) => event.conversationId),
    plain(attempts, ({ event }) => event.userId),
    plain(attempts, (row) => tried(row)?.deviceId),
    numbers(attempts, ({ event }) => event.fromSeq),
    numbers(attempts, ({ event }) => event.toSeq),
    plain(attempts, (row) => tried(row)?.channel),
    numbers(attempts, ({ event }) => (event.type === 'DeliveryAttempted' ? event.attempt : event.attempts)),
    plain(attempts, (row) => tried(row)?.outcome ?? 'exhausted'),
    written(attempts, (row) => tried(row)?.error),
    numbers(attempts, ({ event }) => event.at),
    numbers(attempts, ({ position }) => position),
  ]
  return [{ statement: addAttempts(schema), values }]
}

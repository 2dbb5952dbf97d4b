/** What a batch adds to `conversation_retentions`. */
import type { RetentionChanged } from '../../domain/events.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

/** In the order of the ledger. */
export type RetentionChanges = { readonly event: RetentionChanged; readonly position: Position }[]

const addRetentions = perSchema((schema) => ({
  name: `${schema}: add retentions`,
  text: `
    INSERT INTO ${schema}.conversation_retentions (conversation_id, position, mode, seconds, by, at)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[], $5::text[], $6::bigint[])`,
}))

export function retentionWrites(schema: ReadSchema, changes: RetentionChanges): Write[] {
  if (changes.length === 0) return []
  return [
    {
      statement: addRetentions(schema),
      values: [
        plain(changes, ({ event }) => event.conversationId),
        numbers(changes, ({ position }) => position),
        plain(changes, ({ event }) => event.retention.mode),
        numbers(changes, ({ event: { retention } }) =>
          retention.mode === 'permanent' ? null : retention.seconds,
        ),
        plain(changes, ({ event }) => event.by),
        numbers(changes, ({ event }) => event.at),
      ],
    },
  ]
}

/** One transaction: the checkpoint moves, the rows change, the bad events are parked. All or nothing. */
import { writesOf } from '../fold/batch.ts'
import { UnapplicableEvent } from '../fold/unapplicable-event.ts'
import type { ReadSchema } from '../schema.ts'
import { type CheckpointOutcome, compareAndSwap, type Move, type Owner, whyNot } from './checkpoint.ts'
import type { FailPoint } from './fail-point.ts'
import type { FoldedEvents } from './fold-events.ts'
import { park } from './parking.ts'
import type { Session } from './session.ts'

/** `freed`: nothing was written, because these conversations are no longer parked; fold again without them. */
export type BatchOutcome =
  | { readonly kind: CheckpointOutcome }
  | { readonly kind: 'freed'; readonly conversationIds: readonly string[] }

export async function writeBatch(
  session: Session,
  owner: Owner,
  to: Move,
  folded: FoldedEvents,
  pass: (point: FailPoint) => void,
): Promise<BatchOutcome> {
  let moved = false
  let freed: readonly string[] = []
  pass('before the transaction')
  await session.transaction(async () => {
    // First, so that its row lock keeps a rebuild from swapping the tables under this transaction.
    const moving = compareAndSwap(session, owner, to)
    // Sent without waiting for it: if it does not move, none of this is carried out.
    const applying = applyFolded(session, owner.schema, folded)
    applying.catch(() => {})
    moved = await moving
    if (!moved) return false
    pass('after the checkpoint')
    freed = await applying
    if (freed.length > 0) return false
    pass('before the commit')
    return true
  })
  pass('after the commit')
  if (!moved) return { kind: await whyNot(session, owner, to) }
  return freed.length > 0 ? { kind: 'freed', conversationIds: freed } : { kind: 'stored' }
}

/**
 * Within a transaction: writes what a batch changes. Answers the conversations that are parked no more, and has then
 * written nothing.
 */
export async function applyFolded(
  session: Session,
  schema: ReadSchema,
  { batch, parking }: FoldedEvents,
): Promise<readonly string[]> {
  const freed = await park(session, schema, parking)
  if (freed.length > 0) return freed
  // All at once: the answers come together, in this order, and the first failure makes the later ones fail too, so only the
  // first in order says why.
  const written = await Promise.allSettled(
    writesOf(schema, batch).map(async (write) => {
      if ('copy' in write) return await session.copy(write.copy, write.lines)
      const { statement, values, rows } = write
      const { rowCount } = await session.query(statement, values)
      if (rows !== undefined && rowCount !== rows) {
        throw new UnapplicableEvent(
          `${statement.name}: ${rows} rows should have been there, but ${rowCount} were`,
        )
      }
    }),
  )
  for (const one of written) if (one.status === 'rejected') throw one.reason
  return []
}

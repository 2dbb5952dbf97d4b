/** Read-your-writes: a query waits until the read models have seen what was in the ledger when it was asked. */
import type { Position } from '../../ledger/ledger.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'

/** Longer than any usual lag; past it the caller is told rather than shown the past. */
const PATIENCE_MS = 3000

export const caughtUp = async (deps: Pick<ApiDeps, 'ledger' | 'waiter'>): Promise<void> =>
  await caughtUpTo(await deps.ledger.head(), deps)

export async function caughtUpTo(head: Position, { waiter }: Pick<ApiDeps, 'waiter'>): Promise<void> {
  if (await waiter.waitFor(head, PATIENCE_MS)) return
  throw new ApiProblem('unavailable', 'the read models are behind the ledger', 1000)
}

/** Read-your-writes: a query waits until the read models have seen what was in the ledger when it was asked. */
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'

/** Longer than any usual lag; past it the caller is told rather than shown the past. */
const PATIENCE_MS = 3000

export async function caughtUp({ ledger, waiter }: Pick<ApiDeps, 'ledger' | 'waiter'>): Promise<void> {
  if (await waiter.waitFor(await ledger.head(), PATIENCE_MS)) return
  throw new ApiProblem('unavailable', 'the read models are behind the ledger', 1000)
}

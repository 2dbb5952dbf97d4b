/** Read-your-writes: waits until the read models have come as far as a write that just happened. */
import type { Position } from '../../ledger/ledger.ts'
import { projectedPosition } from './projected-position.ts'
import type { Database } from './statement.ts'

export interface ProjectionWaiter {
  /** True as soon as everything up to `position` is projected; false when that takes longer than `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>
}

interface Waiting {
  readonly position: Position
  readonly until: number
  settle(reached: boolean): void
  fail(error: unknown): void
}

/** A projection is rarely more than this behind, and one poll serves everybody who waits. */
const POLL_MS = 12

/**
 * One poll for all who wait, and none while nobody does:
 * idle → (first waiter) → polling → (last waiter gone) → idle. A poll that fails rejects everybody who waits then.
 */
export function createProjectionWaiter(
  db: Database,
  reachedPosition: (db: Database) => Promise<Position> = projectedPosition,
): ProjectionWaiter {
  const waiting = new Set<Waiting>()
  let polling = false
  /** The newest answer; it only grows, except when an older build of the read models is put back. */
  let known = 0n as Position

  async function poll(): Promise<void> {
    polling = true
    while (waiting.size > 0) {
      try {
        known = await reachedPosition(db)
        settleAll()
      } catch (error) {
        for (const one of waiting) one.fail(error)
        waiting.clear()
      }
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    polling = false
  }

  function settleAll(): void {
    const now = performance.now()
    for (const one of waiting) {
      if (known < one.position && now < one.until) continue
      waiting.delete(one)
      one.settle(known >= one.position)
    }
  }

  return {
    waitFor: (wanted, timeoutMs) =>
      new Promise((settle, fail) => {
        waiting.add({ position: wanted, until: performance.now() + timeoutMs, settle, fail })
        if (!polling) void poll()
      }),
  }
}

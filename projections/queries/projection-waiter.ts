/** Read-your-writes: waits until the read models have come as far as a write that just happened. */
import type { Position } from '../../ledger/ledger.ts'
import { projectedPosition } from './projected-position.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface ProjectionWaiter {
  /** Everything up to it was projected when somebody last waited. */
  readonly reached: Position
  /**
   * True as soon as everything up to `position` is projected; false when that takes longer than `timeoutMs`, whether or not
   * Postgres answers by then. Rejects when it fails.
   */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>
}

interface Waiting {
  readonly position: Position
  settle(reached: boolean): void
  fail(error: unknown): void
}

/** How a waiter asks: how often it looks, and whether the engine is to hear of it. */
interface Manner {
  readonly pollMs: number
  readonly hurries: boolean
}

/** Somebody sits before a screen. One poll serves everybody who waits. */
const URGENT: Manner = { pollMs: 12, hurries: true }
/** Some work of our own, to which a moment more or less is the same. */
const PATIENT: Manner = { pollMs: 100, hurries: false }

/** Channel of NOTIFY: a person waits, so an engine does not wait for further events before it writes. */
export const WANTED = 'triptick_projection_wanted'

/** Not durable: a hint that is lost costs the engine's window. A commit with a NOTIFY would cost an fsync else. */
const HURRY: Statement = {
  name: 'hurry the projection',
  text: `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${WANTED}', '')`,
}

/** Between two hints of one process; an engine hurries for twice as long after each (`engine/lane.ts`). */
const HURRY_EVERY_MS = 50

/** For a query of a person. */
export const createProjectionWaiter = (db: Database): ProjectionWaiter =>
  createWaiter(db, projectedPosition, URGENT)

/** For a search of a person: what follows the read models, in its own time. */
export const createIndexWaiter = (
  db: Database,
  reachedPosition: (db: Database) => Promise<Position>,
): ProjectionWaiter => createWaiter(db, reachedPosition, { ...URGENT, hurries: false })

/** For reactors and followers of our own. */
export const createPatientWaiter = (db: Database): ProjectionWaiter =>
  createWaiter(db, projectedPosition, PATIENT)

/**
 * One poll for all who wait, and none while nobody does:
 * idle → (first waiter) → polling → (last waiter gone) → idle. A poll that fails rejects everybody who waits then.
 */
function createWaiter(
  db: Database,
  reachedPosition: (db: Database) => Promise<Position>,
  { pollMs, hurries }: Manner,
): ProjectionWaiter {
  const waiting = new Set<Waiting>()
  let polling = false
  /** The newest answer; it only grows, except when an older build of the read models is put back. */
  let known = 0n as Position
  let hurriedAt = Number.NEGATIVE_INFINITY

  async function poll(): Promise<void> {
    polling = true
    while (waiting.size > 0) {
      try {
        known = await reachedPosition(db)
        settleReached()
        if (waiting.size > 0 && hurries) hurry()
      } catch (error) {
        for (const one of waiting) one.fail(error)
        waiting.clear()
      }
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    polling = false
  }

  function hurry(): void {
    if (performance.now() - hurriedAt < HURRY_EVERY_MS) return
    hurriedAt = performance.now()
    // A hint: the positions are read all the same.
    ask(db, HURRY).catch(() => {})
  }

  function settleReached(): void {
    for (const one of waiting) {
      if (known < one.position) continue
      waiting.delete(one)
      one.settle(true)
    }
  }

  return {
    get reached() {
      return known
    },
    async waitFor(position, timeoutMs) {
      let timer: NodeJS.Timeout | undefined
      try {
        return await new Promise<boolean>((settle, fail) => {
          const one = { position, settle, fail }
          waiting.add(one)
          // A time of its own: a poll that is not answered ends only with the patience of `pg`.
          timer = setTimeout(() => {
            waiting.delete(one)
            settle(false)
          }, timeoutMs)
          if (!polling) void poll()
        })
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

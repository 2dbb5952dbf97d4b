/** The live projection during a rebuild: whether one runs, how far it is, and waiting for it. Never changes anything. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import { startProblem } from '../../runtime/problem.ts'
import { projectedPosition } from '../queries/projected-position.ts'
import { projectionLag } from '../queries/projection-lag.ts'
import { findReadModel } from '../schema.ts'

/** Somebody holds the lock of `read` (`engine/ownership.ts`); advisory locks show their numbers unsigned. */
const LIVE_RUNS = `
  SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = (hashtext('triptick projections')::bigint & 4294967295)::oid
      AND objid = (hashtext('read')::bigint & 4294967295)::oid
  ) AS runs`

export async function liveRuns(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ runs: boolean }>(LIVE_RUNS)
  return rows[0]?.runs === true
}

/** Whether the ledger ends before what is in this build: it was put back to an earlier state, and the build is of no use. */
export async function isBeyond(
  client: pg.ClientBase,
  schema: 'read' | 'read_next',
  ledger: Ledger,
): Promise<boolean> {
  if ((await findReadModel(client, schema)) === null) return false
  const { rows } = await client.query<{ position: string }>(
    `SELECT max(position) AS position FROM ${schema}.checkpoints`,
  )
  return BigInt(rows[0]?.position ?? 0) > (await ledger.head())
}

const POLL_MS = 50
/** A live projection that has not moved for this long is not going to. */
const PATIENCE_MS = 30_000

/** Until everything up to `position` is in `read`. */
export async function waitForLive(
  client: pg.ClientBase,
  position: Position,
  signal: AbortSignal,
): Promise<void> {
  let reached = await projectedPosition(client)
  let movedAt = Date.now()
  while (reached < position) {
    signal.throwIfAborted()
    await sleep(POLL_MS)
    const now = await projectedPosition(client)
    if (now > reached) movedAt = Date.now()
    reached = now
    if (Date.now() - movedAt > PATIENCE_MS) {
      throw startProblem(
        `the live projection stands at position ${reached} and does not move`,
        'See its log and `npx triptick parked list`; then run this again: it goes on where it ended.',
      )
    }
  }
}

const LAG_BUDGET_SECONDS = 1
const LOOK_EVERY_MS = 500
/** A rebuild that waits for ever helps nobody: it goes on at a page every so often. */
const LONGEST_WAIT_MS = 2_000

/** Makes a rebuild wait while the live projection is behind its budget because of it. */
export function createThrottle(client: pg.ClientBase, ledger: Ledger): () => Promise<void> {
  let lookedAt = 0
  return async () => {
    if (Date.now() - lookedAt < LOOK_EVERY_MS) return
    const until = Date.now() + LONGEST_WAIT_MS
    while (Date.now() < until && (await liveRuns(client)) && (await lagsBehind(client, ledger)))
      await sleep(POLL_MS)
    lookedAt = Date.now()
  }
}

async function lagsBehind(client: pg.ClientBase, ledger: Ledger): Promise<boolean> {
  // A ledger that does not say how far it is gives no reason to wait, and none to give up: the subscription waits for it.
  const head = await ledger.head().catch(() => undefined)
  return head !== undefined && (await projectionLag(client, head)).seconds > LAG_BUDGET_SECONDS
}

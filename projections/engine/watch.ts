/**
 * The engine's pulse, once a second: tells that everything is projected, carries the checkpoints over stretches of the
 * ledger that hold nothing for them, and notices when another build of the read models took their place. The ledger and the
 * read models are asked apart, because their failures mean different things (`run.ts`, `beat`).
 */
import type { Ledger, Position } from '../../ledger/ledger.ts'
import { PROJECTED_PREFIXES } from '../../ledger/streams.ts'
import type { Owner } from './checkpoint.ts'
import type { Lanes } from './lanes.ts'
import type { Ownership } from './ownership.ts'

export interface Pulse {
  readonly state: 'caught-up' | 'behind' | 'replaced'
  readonly parkedConversations: number
}

/** How far the lanes are, by what the ledger holds. `beyond`: it ends before a position that a lane has come to. */
export type Reach = 'caught-up' | 'behind' | 'beyond'

/** @param stands the highest position of a lane. Rejects when the ledger cannot say. */
export async function reachOf(ledger: Ledger, lanes: Lanes, stands: Position): Promise<Reach> {
  // Asked after the lanes: whatever they have folded was in the ledger before.
  const head = await ledger.head()
  if (stands > head) return 'beyond'
  await passOthers(ledger, lanes, head)
  return lanes.drained && lanes.dispatched >= (await ledger.head()) ? 'caught-up' : 'behind'
}

export async function pulse(ownership: Ownership, owner: Owner, caughtUp: boolean): Promise<Pulse> {
  const { rows } = await ownership.query<{ parked: number }>(
    `UPDATE ${owner.schema}.model SET caught_up_at = CASE WHEN $2 THEN clock_timestamp() ELSE caught_up_at END
     WHERE generation = $1
     RETURNING (SELECT count(*)::int FROM ${owner.schema}.parked_conversations) AS parked`,
    [owner.generation, caughtUp],
  )
  const [row] = rows
  const state = row ? (caughtUp ? 'caught-up' : 'behind') : 'replaced'
  return { state, parkedConversations: row?.parked ?? 0 }
}

/**
 * The ledger holds other streams too, and their events move its head but no lane. If after the head was asked for there is
 * nothing for us up to it, there never will be: positions only grow (`ledger.ts`, "position").
 */
async function passOthers(ledger: Ledger, lanes: Lanes, head: Position): Promise<void> {
  const dispatched = lanes.dispatched
  if (head <= dispatched) return
  for await (const _ of ledger.readAll({ after: dispatched, prefixes: PROJECTED_PREFIXES, limit: 1 })) return
  if (lanes.dispatched === dispatched) lanes.passTo(head)
}

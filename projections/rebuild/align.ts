/**
 * Brings `read_next` to exactly where `read` stands, lane by lane, and gives it the same checkpoints: from then on one can
 * stand in for the other. The caller holds `read` still (`swap.ts`, `holdLive`).
 */

import type { Ledger, Position, RecordedEvent } from '../../ledger/ledger.ts'
import { PROJECTED_PREFIXES } from '../../ledger/streams.ts'
import { foldEvents } from '../engine/fold-events.ts'
import { laneNumber } from '../engine/lanes.ts'
import { createParkedConversations, parkedIn } from '../engine/parking.ts'
import type { Session } from '../engine/session.ts'
import { applyFolded } from '../engine/write-batch.ts'

const checkpointsOf = (schema: 'read' | 'read_next') => ({
  name: `${schema}: checkpoints`,
  text: `SELECT position FROM ${schema}.checkpoints ORDER BY lane`,
})

const CLEAR_CHECKPOINTS = { name: 'read_next: clear checkpoints', text: 'DELETE FROM read_next.checkpoints' }

const COPY_CHECKPOINTS = {
  name: 'read_next: copy checkpoints',
  text: `
    INSERT INTO read_next.checkpoints (lane, position, event_at, events)
    SELECT lane, position, event_at, events FROM read.checkpoints`,
}

const SKIPPED = { name: 'read_next: skipped events', text: 'SELECT position FROM read_next.skipped_events' }

/** Events folded at once: what came in while the two were brought together, so hardly ever more than one page. */
const PAGE = 2_000

/** `read` must stand at or after `read_next` in every lane. One transaction. */
export async function align(session: Session, ledger: Ledger): Promise<void> {
  await session.transaction(async () => {
    const live = await positions(session, 'read')
    const next = await positions(session, 'read_next')
    const rules = {
      parked: createParkedConversations(await parkedIn(session, 'read_next')),
      skipped: new Set(
        (await rowsOf<{ position: string }>(session, SKIPPED)).map(
          ({ position }) => BigInt(position) as Position,
        ),
      ),
    }
    // The lanes of the two need not be the same: each is asked with its own count.
    const missing = (event: RecordedEvent): boolean =>
      event.position > at(next, event) && event.position <= at(live, event)

    let page: RecordedEvent[] = []
    const apply = async () => {
      const folded = foldEvents(page, rules)
      await applyFolded(session, 'read_next', folded)
      rules.parked.add(folded.parking)
      page = []
    }
    for await (const event of ledger.readAll({ after: lowest(next), prefixes: PROJECTED_PREFIXES })) {
      if (event.position > highest(live)) break
      if (missing(event)) page.push(event)
      if (page.length === PAGE) await apply()
    }
    await apply()
    await session.query(CLEAR_CHECKPOINTS)
    await session.query(COPY_CHECKPOINTS)
    return true
  })
}

async function positions(session: Session, schema: 'read' | 'read_next'): Promise<readonly Position[]> {
  const rows = await rowsOf<{ position: string }>(session, checkpointsOf(schema))
  return rows.map(({ position }) => BigInt(position) as Position)
}

async function rowsOf<Row extends object>(
  session: Session,
  statement: { readonly name: string; readonly text: string },
): Promise<readonly Row[]> {
  return (await session.query<Row>(statement)).rows
}

const at = (lanes: readonly Position[], event: RecordedEvent): Position =>
  lanes[laneNumber(event, lanes.length)] as Position

const lowest = (lanes: readonly Position[]): Position => lanes.reduce((a, b) => (b < a ? b : a))
const highest = (lanes: readonly Position[]): Position => lanes.reduce((a, b) => (b > a ? b : a))

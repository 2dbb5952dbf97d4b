/** How far the read models are behind the ledger, in seconds, per lane. For `/readyz` and `/metrics` of any process. */
import type { Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

interface LaneLag {
  readonly lane: number
  /** Grows between two calls: progressing, however far behind. */
  readonly position: Position
  /** 0 when this lane has everything that is in the ledger; `Infinity` before it has folded anything at all. */
  readonly seconds: number
}

export interface ProjectionLag {
  /** Of the slowest lane. */
  readonly seconds: number
  /** Everything up to here is projected. */
  readonly position: Position
  readonly lanes: readonly LaneLag[]
}

const LAG: Statement = {
  name: 'projection lag',
  text: `
    SELECT c.lane, c.position, c.event_at,
           extract(epoch FROM clock_timestamp()) * 1000 AS now, extract(epoch FROM m.caught_up_at) * 1000 AS caught_up_at
    FROM read.checkpoints c CROSS JOIN read.model m
    ORDER BY c.lane`,
}

interface Row {
  readonly lane: number
  readonly position: string
  readonly event_at: string
  readonly now: string
  readonly caught_up_at: string | null
}

/** @param head of the ledger, asked before this call. */
export async function projectionLag(db: Database, head: Position): Promise<ProjectionLag> {
  const rows = await ask<Row>(db, LAG)
  const lanes = rows.map((row) => ({
    lane: row.lane,
    position: position(row.position),
    seconds: position(row.position) >= head ? 0 : secondsBehind(row),
  }))
  return {
    seconds: Math.max(0, ...lanes.map(({ seconds }) => seconds)),
    position: lowest(lanes, head),
    lanes,
  }
}

function lowest(lanes: readonly LaneLag[], head: Position): Position {
  let low = head
  for (const lane of lanes) if (lane.position < low) low = lane.position
  return low
}

/**
 * What a lane lacks is younger than the event it folded last, and younger than the last moment at which nothing was
 * lacking. Without the second, one new event after a quiet night would look like a night's lag.
 */
function secondsBehind({ now, event_at, caught_up_at }: Row): number {
  const since = Math.max(Number(event_at), Number(caught_up_at ?? 0))
  return since === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Number(now) - since) / 1000
}

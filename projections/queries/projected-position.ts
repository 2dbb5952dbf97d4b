/** How far the read models have come. */
import type { Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

const PROJECTED_POSITION: Statement = {
  name: 'projected position',
  text: 'SELECT coalesce(min(position), 0) AS position FROM read.checkpoints',
}

/** Every event up to here is in the read models (or parked). */
export async function projectedPosition(db: Database): Promise<Position> {
  const [row] = await ask<{ position: string }>(db, PROJECTED_POSITION)
  return position(row?.position ?? '0')
}

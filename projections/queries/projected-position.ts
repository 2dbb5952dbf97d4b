/** How far the read models have come. */
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

const PROJECTED_POSITION: Statement = {
  name: 'projected position',
  text: 'SELECT coalesce(min(position), 0) AS position FROM read.checkpoints',
}

/** Every event up to here is in the read models (or parked); none, while the first projections process has yet to make them. */
export async function projectedPosition(db: Database): Promise<Position> {
  try {
    const [row] = await ask<{ position: string }>(db, PROJECTED_POSITION)
    return position(row?.position ?? '0')
  } catch (error) {
    if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return BEGINNING
    throw error
  }
}

/** SQLSTATE of a relation that does not exist. */
const UNDEFINED_TABLE = '42P01'

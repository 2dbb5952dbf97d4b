/** Every row of every read model, in order, as text: two builds are equal exactly if their dumps are. */
import type pg from 'pg'
import type { ReadSchema } from '../../../projections/schema.ts'
import { READ_TABLES } from '../../../projections/schema.ts'

export async function dump(
  db: pg.Pool | pg.ClientBase,
  schema: ReadSchema = 'read',
): Promise<Record<string, readonly string[]>> {
  const tables: Record<string, readonly string[]> = {}
  for (const table of READ_TABLES) {
    const { rows } = await db.query<{ row: string }>(
      `SELECT t::text AS row FROM ${schema}.${table} t ORDER BY 1`,
    )
    tables[table] = rows.map(({ row }) => row)
  }
  return tables
}

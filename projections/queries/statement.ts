/** Runs named, prepared statements on a pool or a client. Knows no statement itself. */
import type pg from 'pg'

export type Database = pg.Pool | pg.ClientBase

/** One SQL statement, named for what it answers. Postgres plans it once per connection under that name. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** int8 columns arrive as text: the caller turns times into numbers and positions into bigints. */
export async function ask<Row extends object>(
  db: Database,
  { name, text }: Statement,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const { rows } = await db.query<Row>({ name, text, values: [...values] })
  return rows
}

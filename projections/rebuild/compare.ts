/** Whether two builds of the read models hold the same rows, byte for byte. Shows keys of rows that differ, never a body. */
import type pg from 'pg'
import { READ_TABLES } from '../schema.ts'

export interface TableComparison {
  readonly table: string
  readonly equal: boolean
  readonly rows: { readonly read: number; readonly rebuilt: number }
  /** Keys of rows that are not the same in both, at most five. */
  readonly differing: readonly string[]
}

/** The primary key of each table, as text. */
const KEYS: Readonly<Record<(typeof READ_TABLES)[number], string>> = {
  conversations: 'conversation_id',
  conversation_titles: `concat_ws(' ', conversation_id, position)`,
  conversation_retentions: `concat_ws(' ', conversation_id, position)`,
  members: `concat_ws(' ', conversation_id, user_id)`,
  device_watermarks: `concat_ws(' ', conversation_id, user_id, device_id)`,
  messages: `concat_ws(' ', conversation_id, seq)`,
  receipts: `concat_ws(' ', conversation_id, user_id, device_id, kind, to_seq)`,
  delivery_attempts: `concat_ws(' ', conversation_id, user_id, position)`,
  last_seen: 'user_id',
  devices: `concat_ws(' ', user_id, device_id)`,
  privacy: 'user_id',
}

/**
 * Number of rows and the sum of their 64-bit hashes: the order does not matter, and a row too many or too few does.
 * A million rows take about a second.
 */
const digestStatement = (table: string): string => `
  SELECT (SELECT row(count(*), sum(hashtextextended(t::text, 0)::numeric)) FROM read.${table} t)::text AS read,
         (SELECT row(count(*), sum(hashtextextended(t::text, 0)::numeric)) FROM read_next.${table} t)::text AS rebuilt,
         (SELECT count(*)::int FROM read.${table}) AS read_rows,
         (SELECT count(*)::int FROM read_next.${table}) AS rebuilt_rows`

const differingStatement = (table: string, key: string): string => `
  SELECT DISTINCT ${key} AS key FROM (
    (SELECT * FROM read.${table} EXCEPT SELECT * FROM read_next.${table})
    UNION ALL
    (SELECT * FROM read_next.${table} EXCEPT SELECT * FROM read.${table})
  ) different
  ORDER BY key LIMIT 5`

/** The client is in a transaction whose snapshot shows both builds at the same position. */
export async function compareBuilds(client: pg.ClientBase): Promise<readonly TableComparison[]> {
  const comparisons: TableComparison[] = []
  for (const table of READ_TABLES) {
    const { rows } = await client.query<{
      read: string
      rebuilt: string
      read_rows: number
      rebuilt_rows: number
    }>(digestStatement(table))
    const [digests] = rows
    if (!digests) continue
    const equal = digests.read === digests.rebuilt
    comparisons.push({
      table,
      equal,
      rows: { read: digests.read_rows, rebuilt: digests.rebuilt_rows },
      differing: equal ? [] : await differing(client, table),
    })
  }
  return comparisons
}

async function differing(
  client: pg.ClientBase,
  table: (typeof READ_TABLES)[number],
): Promise<readonly string[]> {
  const { rows } = await client.query<{ key: string }>(differingStatement(table, KEYS[table]))
  return rows.map(({ key }) => key)
}

/** The read models' Postgres schema: creates it, and says which version stands there. Never changes one that exists. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { packageRoot } from '../runtime/package-root.ts'

/** Grows whenever `schema.sql` (but for storage options) or what the fold writes into it changes: an older schema is rebuilt, never altered. */
export const READ_MODEL_VERSION = 3

/** `read` is what everybody reads; a rebuild builds `read_next` and keeps the old one as `read_previous`. */
export type ReadSchema = 'read' | 'read_next' | 'read_previous'

/** The tables that are pure functions of the events: what a comparison of two builds compares. */
export const READ_TABLES = [
  'conversations',
  'conversation_titles',
  'conversation_retentions',
  'members',
  'device_watermarks',
  'messages',
  'receipts',
  'delivery_attempts',
  'last_seen',
  'devices',
  'privacy',
] as const

export interface ReadModel {
  readonly version: number
  readonly generation: bigint
  readonly lanes: number
}

const SCHEMA_EXISTS = `SELECT to_regclass($1 || '.model') IS NOT NULL AS found`

const readModelStatement = (schema: ReadSchema): string =>
  `SELECT version, generation, (SELECT count(*)::int FROM ${schema}.checkpoints) AS lanes FROM ${schema}.model`

/** What stands in a schema, or null when it does not exist. */
export async function findReadModel(
  db: pg.Pool | pg.ClientBase,
  schema: ReadSchema,
): Promise<ReadModel | null> {
  const { rows: exists } = await db.query<{ found: boolean }>(SCHEMA_EXISTS, [schema])
  if (!exists[0]?.found) return null
  const { rows } = await db.query<{ version: number; generation: string; lanes: number }>(
    readModelStatement(schema),
  )
  const [row] = rows
  if (!row) throw new Error(`${schema}.model is empty`)
  return { version: row.version, generation: BigInt(row.generation), lanes: row.lanes }
}

/** Creates the schema with its tables and `lanes` checkpoints at the beginning of the ledger; leaves an existing one alone. */
export async function createReadSchema(
  client: pg.ClientBase,
  schema: ReadSchema,
  lanes: number,
): Promise<ReadModel> {
  await client.query('BEGIN')
  try {
    // Processes that start together: the first one creates, the others find.
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('triptick-read-schema'))`)
    if ((await findReadModel(client, schema)) === null) {
      await client.query(`CREATE SCHEMA ${schema}; SET LOCAL search_path = ${schema}; ${schemaSql()}`)
      await client.query(`INSERT INTO ${schema}.model (version) VALUES (${READ_MODEL_VERSION})`)
      await client.query(
        `INSERT INTO ${schema}.checkpoints (lane, position) SELECT lane, 0 FROM generate_series(0, $1::int - 1) AS lane`,
        [lanes],
      )
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
  return (await findReadModel(client, schema)) as ReadModel
}

const schemaSql = (): string => readFileSync(join(packageRoot, 'projections', 'schema.sql'), 'utf8')

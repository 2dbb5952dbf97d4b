/** Takes possession of all checkpoints of a schema, in one transaction: from then on every earlier engine is fenced. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Position } from '../../ledger/ledger.ts'
import { endInTime, NOTICE_VANISHED_CLIENT } from '../../runtime/postgres.ts'
import { createReadSchema, READ_MODEL_VERSION, type ReadSchema } from '../schema.ts'
import type { Owner } from './checkpoint.ts'
import { EngineStopped } from './failures.ts'

export interface Claimed {
  readonly owner: Owner
  /** By lane number. */
  readonly lanes: readonly { readonly position: Position }[]
  /** Conversations that are parked. */
  readonly parked: ReadonlySet<string>
  /** Positions of events that a person decided to leave out. */
  readonly skipped: ReadonlySet<Position>
}

/** Creates the schema if it is not there. A lane count other than the stored one is taken over if all lanes stand together. */
export async function claim(databaseUrl: string, schema: ReadSchema, lanes: number): Promise<Claimed> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: `triptick ${schema} claim`,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    // Who vanishes between here and the commit would keep the checkpoints from everybody else.
    await client.query(NOTICE_VANISHED_CLIENT)
    const model = await createReadSchema(client, schema, lanes)
    if (model.version !== READ_MODEL_VERSION) throw otherVersion(schema, model.version)
    const token = randomUUID()
    await client.query('BEGIN')
    const owned = await client.query<{ lane: number; position: string }>(
      `UPDATE ${schema}.checkpoints SET owner = $1 RETURNING lane, position`,
      [token],
    )
    const positions = owned.rows
      .toSorted((a, b) => a.lane - b.lane)
      .map(({ position }) => BigInt(position) as Position)
    const stands = positions[0]
    const together = stands !== undefined && positions.every((position) => position === stands)
    const relaned = together && positions.length !== lanes
    if (relaned) await relane(client, schema, lanes, token)
    const parked = await client.query<{ conversation_id: string }>(
      `SELECT conversation_id FROM ${schema}.parked_conversations`,
    )
    const skipped = await client.query<{ position: string }>(`SELECT position FROM ${schema}.skipped_events`)
    const generation = await client.query<{ generation: string }>(`SELECT generation FROM ${schema}.model`)
    await client.query('COMMIT')
    return {
      owner: { schema, token, generation: BigInt(generation.rows[0]?.generation ?? 0) },
      lanes: (relaned ? new Array<Position>(lanes).fill(stands) : positions).map((position) => ({
        position,
      })),
      parked: new Set(parked.rows.map((row) => row.conversation_id)),
      skipped: new Set(skipped.rows.map(({ position }) => BigInt(position) as Position)),
    }
  } finally {
    await endInTime(client)
  }
}

/** Conversations change lanes, which is safe only where every lane has folded exactly the same stretch of the ledger. */
async function relane(client: pg.Client, schema: ReadSchema, lanes: number, token: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT min(position) AS position, max(event_at) AS event_at, sum(events) AS events FROM ${schema}.checkpoints`,
  )
  const [{ position, event_at, events }] = rows as [Record<'position' | 'event_at' | 'events', string>]
  await client.query(`DELETE FROM ${schema}.checkpoints`)
  await client.query(
    `INSERT INTO ${schema}.checkpoints (lane, position, event_at, events, owner)
     SELECT lane, $2, $3, CASE WHEN lane = 0 THEN $4::bigint ELSE 0 END, $5
     FROM generate_series(0, $1::int - 1) AS lane`,
    [lanes, position, event_at, events, token],
  )
}

const otherVersion = (schema: ReadSchema, version: number): EngineStopped =>
  new EngineStopped(
    'other-version',
    `the read models in ${schema} are of version ${version}, this program needs version ${READ_MODEL_VERSION}: run \`npx triptick rebuild\``,
  )

/** Puts recorded events into the Postgres ledger as they are, far faster than by appending. */
import type pg from 'pg'
import type { RecordedEvent } from '../../../ledger/ledger.ts'

const INSERT = `
  INSERT INTO ledger.events (position, stream, revision, id, type, data, metadata)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::json[], $7::json[])`

export async function record(pool: pg.Pool, events: readonly RecordedEvent[]): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(INSERT, [
      events.map((event) => event.position),
      events.map((event) => event.stream),
      events.map((event) => event.revision),
      events.map((event) => event.id),
      events.map((event) => event.type),
      events.map((event) => JSON.stringify(event.data)),
      events.map((event) => JSON.stringify(event.metadata)),
    ])
    const head = events.at(-1)?.position
    await client.query('UPDATE ledger.head SET position = $1', [head])
    await client.query(`SELECT pg_notify('triptick_ledger', $1)`, [String(head)])
    await client.query('COMMIT')
  } finally {
    client.release()
  }
}

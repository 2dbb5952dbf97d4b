/** The connection that writes the ledger: opened on first use, and anew after it broke. Never shared with readers. */
import pg from 'pg'
import type { Writer } from './append-queue.ts'

export interface ClosableWriter extends Writer {
  close(): Promise<void>
}

/** @param timeoutMs the longest that the server works at a query: what nobody waits for any more is not to hold a lock, or a connection. */
export function createWriter(connectionString: string, timeoutMs: number): ClosableWriter {
  let connecting: Promise<pg.Client> | undefined

  async function open(forget: () => void): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString,
      application_name: 'triptick ledger writer',
      connectionTimeoutMillis: 10_000,
      // Queries are sent without waiting for the answers to those before.
      pipeline: true,
    })
    client.on('error', forget)
    client.on('end', forget)
    try {
      await client.connect()
      // Durability is the ledger's promise, whatever the database's default is. Planning anew for every batch, as Postgres
      // chooses to by itself, costs 0.8 ms an append: with one plan 64 writers get 11,600 events/s instead of 4,900.
      await client.query(
        `SET synchronous_commit = on; SET plan_cache_mode = force_generic_plan; SET statement_timeout = ${timeoutMs}`,
      )
      return client
    } catch (error) {
      forget()
      client.end().catch(() => {})
      throw error
    }
  }

  const client = (): Promise<pg.Client> => {
    if (connecting) return connecting
    // A connection says late that it has ended, and by then there may be another.
    const own = open(() => {
      if (connecting === own) connecting = undefined
    })
    connecting = own
    return own
  }

  return {
    query: async (query) => (await client()).query(query),
    discard: () => {
      const broken = connecting
      connecting = undefined
      // What it has not answered fails at once. `end` would wait for the query that hangs.
      broken?.then((connection) => connection.connection.stream.destroy()).catch(() => {})
    },
    close: async () => {
      const last = connecting
      connecting = undefined
      await last?.then((connection) => connection.end()).catch(() => {})
    },
  }
}

/** The connection that writes the ledger: opened on first use, and anew after it broke. Never shared with readers. */
import type pg from 'pg'
import { inTime } from '../../runtime/in-time.ts'
import { endInTime } from '../../runtime/postgres.ts'
import { PostgresClient } from '../../runtime/postgres-client.ts'
import type { Writer } from './append-queue.ts'

/** A little more than `endInTime` takes. */
const CLOSE_PATIENCE_MS = 6_000

export interface ClosableWriter extends Writer {
  /** What is not answered within some seconds fails. */
  close(): Promise<void>
}

interface Connection {
  readonly client: pg.Client
  readonly opened: Promise<unknown>
}

/** @param timeoutMs the longest that the server works at a query: what nobody waits for any more is not to hold a lock, or a connection. */
export function createWriter(connectionString: string, timeoutMs: number): ClosableWriter {
  let current: Connection | undefined

  function open(): Connection {
    const client = new PostgresClient({
      connectionString,
      application_name: 'triptick ledger writer',
      connectionTimeoutMillis: 10_000,
      // Queries are sent without waiting for the answers to those before.
      pipeline: true,
    })
    const opened = client.connect().then(() =>
      // Durability is the ledger's promise, whatever the database's default is. Planning anew for every batch, as Postgres
      // chooses to by itself, costs 0.8 ms an append: with one plan 64 writers get 11,600 events/s instead of 4,900.
      client.query(
        `SET synchronous_commit = on; SET plan_cache_mode = force_generic_plan; SET statement_timeout = ${timeoutMs}`,
      ),
    )
    const connection = { client, opened }
    const end = () => giveUp(connection)
    client.on('error', end)
    client.on('end', end)
    opened.catch(end)
    return connection
  }

  /** Also while it is being opened. What it has not answered fails at once: `end` would wait for the query that hangs. */
  function giveUp(connection: Connection): void {
    if (current === connection) current = undefined
    connection.client.connection.stream.destroy()
  }

  return {
    send: (query) => {
      const connection = current ?? open()
      current = connection
      const answer = connection.opened.then(() => {
        if (connection !== current) throw new Error('the connection was given up')
        return connection.client.query(query)
      })
      return { answer, giveUp: () => giveUp(connection) }
    },
    close: async () => {
      const last = current
      current = undefined
      if (!last) return
      // Also one that is being opened, by a server that says nothing more.
      const ended = last.opened.then(() => endInTime(last.client))
      await inTime(CLOSE_PATIENCE_MS, ended).catch(() => giveUp(last))
    },
  }
}

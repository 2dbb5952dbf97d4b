/** A connection of one lane's own: opened on first use, and anew after it broke. Never retries a statement by itself. */
import type pg from 'pg'
import { endInTime, NOTICE_VANISHED_CLIENT } from '../../runtime/postgres.ts'
import { PostgresClient } from '../../runtime/postgres-client.ts'
import type { Statement } from '../queries/statement.ts'
import { copyIn } from './copy-in.ts'

export interface Session {
  query<Row extends pg.QueryResultRow>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>
  /** Adds rows in the text format of COPY. */
  copy(statement: Statement, lines: string): Promise<void>
  /** Commits if `work` answers true, rolls back if it answers false or throws. */
  transaction(work: () => Promise<boolean>): Promise<void>
  close(): Promise<void>
}

/**
 * - synchronous_commit off: whatever a crash takes, it takes together with its checkpoint, and the ledger has it still. The
 *   fsyncs are left to the ledger's own commits.
 * - Plans: every statement joins a small array with a table by its primary key. A table that was never analysed (a
 *   rebuild's) looks small, and a plan made then would scan it for every batch from then on.
 * - A lane that is gone, or stands still in the middle of a batch, keeps its rows from whoever takes over for a minute at most.
 */
const SETTINGS = `
  ${NOTICE_VANISHED_CLIENT}; SET idle_in_transaction_session_timeout = 60000;
  SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan;
  SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
  SET statement_timeout = 0`

export function createSession(databaseUrl: string, name: string): Session {
  let connecting: Promise<pg.Client> | undefined
  /**
   * While a transaction runs, its connection and no other: if it breaks in the middle, the statements that are left must fail
   * with it, and not be carried out alone on a new one.
   */
  let pinned: pg.Client | undefined

  async function open(forget: () => void): Promise<pg.Client> {
    const client = new PostgresClient({
      connectionString: databaseUrl,
      application_name: name,
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      goesAfterOthers: true,
      // Statements are sent without waiting for the answers to those before: a batch is three round trips, not ten.
      pipeline: true,
    })
    client.on('error', forget)
    client.on('end', forget)
    try {
      await client.connect()
      await client.query(SETTINGS)
      return client
    } catch (error) {
      forget()
      client.end().catch(() => {})
      throw error
    }
  }

  function connection(): Promise<pg.Client> {
    if (connecting) return connecting
    // A connection says late that it has ended, and by then there may be another.
    const own = open(() => {
      if (connecting === own) connecting = undefined
    })
    connecting = own
    return own
  }

  async function discard(): Promise<void> {
    const broken = connecting
    connecting = undefined
    await broken?.then(endInTime).catch(() => {})
  }

  return {
    query: async ({ name: statementName, text }, values = []) => {
      const client = pinned ?? (await connection())
      gather(client)
      return await client.query({ name: statementName, text, values: [...values] })
    },
    copy: async ({ text }, lines) => {
      const client = pinned ?? (await connection())
      gather(client)
      await copyIn(client, text, lines)
    },
    async transaction(work) {
      const client = await connection()
      await client.query('BEGIN')
      pinned = client
      try {
        await client.query((await work()) ? 'COMMIT' : 'ROLLBACK')
      } catch (error) {
        await client.query('ROLLBACK').catch(discard)
        throw error
      } finally {
        pinned = undefined
      }
    },
    close: discard,
  }
}

/** What is sent in one turn goes out in one write: a system call costs more than most statements (0.1 ms, measured). */
function gather({ connection: { stream } }: pg.Client): void {
  stream.cork()
  process.nextTick(() => stream.uncork())
}

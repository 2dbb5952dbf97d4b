/** Makes connection pools to Postgres. Runs no query of ours and never decides how many connections a caller may have. */
import pg from 'pg'
import type { Logger } from './logging.ts'
import { PostgresClient, type PostgresClientConfig } from './postgres-client.ts'

export interface PoolOptions {
  readonly url: string
  /** Shown in pg_stat_activity: `triptick-api`, `triptick-projections` … */
  readonly name: string
  readonly log: Logger
  /** Default 10. */
  readonly max?: number
  /** Longest a statement may take; 0 for no limit (rebuilds, exports). Default 30 s. */
  readonly statementTimeoutMs?: number
  /** Statements are planned once a connection, not for their values: ours go by keys, and to plan some takes longer than to run them. */
  readonly plannedOnce?: true
  /** See `PostgresClientConfig`. */
  readonly goesAfterOthers?: true
  /** What is committed is on disk before it is answered, whatever the default of the database is. */
  readonly durable?: true
}

/** Beyond the time that a statement may take, for an answer to arrive. */
const ANSWER_PATIENCE_MS = 5_000

export function createPool(options: PoolOptions): pg.Pool {
  const { statementTimeoutMs = 30_000 } = options
  const settings = [
    ...(options.plannedOnce ? ['SET plan_cache_mode = force_generic_plan'] : []),
    ...(options.durable ? ['SET synchronous_commit = on'] : []),
  ].join('; ')
  const config: pg.PoolConfig & PostgresClientConfig = {
    Client: PostgresClient,
    connectionString: options.url,
    application_name: options.name,
    max: options.max ?? 10,
    ...(options.goesAfterOthers ? { goesAfterOthers: true } : {}),
    connectionTimeoutMillis: 10_000,
    // Never closed for want of work: to open one again costs a process, a handshake of 4,096 hashes and every plan, and they are wanted several
    // at once, when there is work. At 1,000 messages/s sends waited for 120 ms behind that, each half a minute.
    idleTimeoutMillis: 0,
    statement_timeout: statementTimeoutMs,
    // Postgres itself tells of a statement that takes too long; who hears nothing by then has a connection that died without a word,
    // and would wait on it for a quarter of an hour.
    ...(statementTimeoutMs === 0 ? {} : { answerMs: statementTimeoutMs + ANSWER_PATIENCE_MS }),
    // A transaction that somebody forgot would hold back vacuum and every migration.
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    // Soon, and not after two hours: a connection that lies idle for a night must not be forgotten by what it leads through.
    keepAliveInitialDelayMillis: 10_000,
    // By a statement, before the connection is used: the `options` of a URL would take the place of ours.
    ...(settings === '' ? {} : { onConnect: (client) => client.query(settings) }),
  }
  const pool = new pg.Pool(config)
  // What is under way on a connection that breaks fails; the event itself must not end the process, also where somebody holds the connection.
  pool.on('connect', (client) => client.on('error', () => {}))
  // Without a listener, an idle connection that the server closes (57P01 at a restart) would end the process.
  pool.on('error', (error) =>
    options.log.warn({ err: error, pool: options.name }, 'an idle connection broke'),
  )
  return pool
}

/**
 * For a connection that holds what others wait for (a lock, a transaction): if the other end vanishes without a word (power, a cut
 * network), Postgres ends the session after 20 to 25 s, and not after the 2 h 11 min of Linux. Without effect on Unix sockets.
 */
export const NOTICE_VANISHED_CLIENT =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000'

/** For what is under way to end, and the other side to say goodbye. */
const END_PATIENCE_MS = 5_000

/** Ends a connection also where the other side does not answer any more: `end` alone would wait for it for a quarter of an hour. */
export async function endInTime(client: pg.Client): Promise<void> {
  const late = setTimeout(() => client.connection.stream.destroy(), END_PATIENCE_MS)
  await client.end().finally(() => clearTimeout(late))
}

/** Host, port and database of a URL for people to read: no user, no password. */
export function describeDatabase(url: string): string {
  const { host, port, database } = new pg.Client({ connectionString: url })
  return `${host.includes('/') ? host : `${host}:${port}`}/${database ?? ''}`
}

/** Brings a database to the newest schema, forwards only, one process at a time. Knows no table. */
import { join } from 'node:path'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import type { Logger } from './logging.ts'
import { packageRoot } from './package-root.ts'
import { describeDatabase } from './postgres.ts'
import { startProblem } from './problem.ts'

/** SQL is not compiled, so it is found from the package and not from `dist/`. */
export const MIGRATIONS_FOLDER: string = join(packageRoot, 'runtime', 'migrations')

export interface MigrateOptions {
  readonly url: string
  readonly log: Logger
  /** Default: `runtime/migrations`. */
  readonly folder?: string
}

/**
 * Runs what has not been run yet, all in one transaction, under node-pg-migrate's advisory lock: processes that start
 * together wait for the first one. Returns the names of the migrations that were run now.
 * Rejects with a `StartProblem` if the database can't be reached.
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'triptick-migrate',
    connectionTimeoutMillis: 10_000,
  })
  // A connection that breaks in the middle rejects the query under way; the event itself must not end the process.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw unreachable(options.url, error)
  }
  try {
    const ran = await runner({
      dbClient: client,
      dir: options.folder ?? MIGRATIONS_FOLDER,
      ignorePattern: '(?!.*\\.sql$).*',
      direction: 'up',
      migrationsTable: 'migrations',
      migrationsSchema: 'triptick_meta',
      createMigrationsSchema: true,
      advisoryLockMode: 'wait',
      singleTransaction: true,
      // A database may have run a migration that has no file any more: `0010_append_fast`, whose place `0010_append_together` took.
      checkOrder: false,
      logger: quiet(options.log),
    })
    return ran.map((migration) => migration.name)
  } finally {
    await client.end()
  }
}

function unreachable(url: string, error: unknown): Error {
  const reason = error instanceof Error && error.message !== '' ? error.message : String(error)
  return startProblem(
    `Postgres at ${describeDatabase(url)} does not let us in: ${reason}`,
    'Check DATABASE_URL and that the server is running; or unset DATABASE_URL to use the embedded Postgres.',
    error,
  )
}

/** The runner narrates every step; at `info` that would be the loudest part of every start. */
function quiet(log: Logger) {
  return {
    debug: (text: string) => log.trace(text),
    info: (text: string) => log.debug(text),
    warn: (text: string) => log.warn(text),
    error: (text: string) => log.error(text),
  }
}

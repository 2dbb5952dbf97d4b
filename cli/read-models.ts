/** What commands on the read models work with: the database and the ledger that the settings name, running or not. */
import type pg from 'pg'
import type { Ledger } from '../ledger/ledger.ts'
import { openLedger } from '../ledger/open.ts'
import type { Config } from '../runtime/config.ts'
import { createLogger, type Logger } from '../runtime/logging.ts'
import { createPool } from '../runtime/postgres.ts'
import { openDatabase } from './database.ts'

export interface ReadModels {
  readonly databaseUrl: string
  readonly pool: pg.Pool
  readonly ledger: Ledger
  readonly log: Logger
  close(): Promise<void>
}

/** Rejects with a `StartProblem`. */
export async function openReadModels(config: Config): Promise<ReadModels> {
  const log = createLogger({ level: 'warn', process: 'cli' })
  const database = await openDatabase(config, log)
  // A rebuild reads the ledger from end to end: no statement of it is ever too slow.
  const pool = createPool({ url: database.url, name: 'triptick-cli', log, max: 2, statementTimeoutMs: 0 })
  const ledger = await openLedger({ ledgerUrl: config.ledgerUrl, databaseUrl: database.url, pool, log })
  return {
    databaseUrl: database.url,
    pool,
    ledger,
    log,
    close: async () => {
      await ledger.close()
      await pool.end()
      await database.close()
    },
  }
}

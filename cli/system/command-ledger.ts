/** The ledger, opened by a command for reading: by configuration, of the Triptick that runs or of its data folder at rest. */
import type { Ledger } from '../../ledger/ledger.ts'
import { checkLedger, openLedger } from '../../ledger/open.ts'
import type { Config } from '../../runtime/config.ts'
import { createLogger } from '../../runtime/logging.ts'
import { createPool } from '../../runtime/postgres.ts'
import { openDatabase } from '../database.ts'

export interface CommandLedger {
  readonly ledger: Ledger
  close(): Promise<void>
}

/** Rejects with a `StartProblem`. */
export async function openCommandLedger(config: Config): Promise<CommandLedger> {
  // A command that is interrupted takes its system down under its own connections: that is no news.
  const log = createLogger({ level: 'error', process: 'cli' })
  await checkLedger(config.ledgerUrl)
  const database = await openDatabase(config, log)
  const pool = createPool({ url: database.url, name: 'triptick-cli', log, max: 2 })
  const ledger = await openLedger({ ledgerUrl: config.ledgerUrl, databaseUrl: database.url, pool, log })
  return {
    ledger,
    close: async () => {
      await ledger.close()
      await pool.end()
      await database.close()
    },
  }
}

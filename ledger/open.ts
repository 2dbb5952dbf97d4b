/** Opens the ledger that the configuration names: EventStoreDB with a `LEDGER_URL`, else Postgres. */
import type pg from 'pg'
import type { Logger } from '../runtime/logging.ts'
import type { Ledger } from './ledger.ts'
import { createPostgresLedger } from './postgres/ledger.ts'

export interface OpenLedgerOptions {
  readonly ledgerUrl: string | undefined
  readonly databaseUrl: string
  readonly pool: pg.Pool
  readonly log: Logger
}

export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  const { ledgerUrl, databaseUrl, pool, log } = options
  if (ledgerUrl === undefined) return createPostgresLedger({ databaseUrl, pool, log })
  // The client package loads gRPC; who stays on Postgres does not pay for it.
  const { createEventStoreLedger } = await import('./eventstoredb/ledger.ts')
  return createEventStoreLedger({ url: ledgerUrl, log })
}

/** Rejects with a `StartProblem` if the EventStoreDB of a `LEDGER_URL` can't be read now. Of Postgres whoever migrates it says so. */
export async function checkLedger(ledgerUrl: string | undefined): Promise<void> {
  if (ledgerUrl === undefined) return
  const { checkEventStore } = await import('./eventstoredb/check.ts')
  await checkEventStore(ledgerUrl)
}

/** Opens the ledger that the configuration names: EventStoreDB with a `LEDGER_URL`, else Postgres. */
import type pg from 'pg'
import type { Logger } from '../runtime/logging.ts'
import type { Ledger } from './ledger.ts'
import { createPostgresLedger } from './postgres/ledger.ts'
import { createTail, type Tail } from './postgres/tail.ts'

export interface OpenLedgerOptions {
  readonly ledgerUrl: string | undefined
  readonly databaseUrl: string
  readonly pool: pg.Pool
  readonly log: Logger
}

export async function openLedger(options: OpenLedgerOptions): Promise<Ledger> {
  const { ledgerUrl, databaseUrl, pool, log } = options
  if (ledgerUrl === undefined) return openPostgresLedger(databaseUrl, pool, log)
  // The client package loads gRPC; who stays on Postgres does not pay for it.
  const { createEventStoreLedger } = await import('./eventstoredb/ledger.ts')
  return createEventStoreLedger({ url: ledgerUrl, log })
}

/** What those who follow the ledger of a database have read, in whichever role of this process, and how many ledgers share it. */
const tails = new Map<string, { readonly tail: Tail; ledgers: number }>()

function openPostgresLedger(databaseUrl: string, pool: pg.Pool, log: Logger): Ledger {
  const shared = tails.get(databaseUrl) ?? { tail: createTail(), ledgers: 0 }
  tails.set(databaseUrl, shared)
  shared.ledgers++
  const ledger = createPostgresLedger({ databaseUrl, pool, log, tail: shared.tail })
  let closing: Promise<void> | undefined
  async function close(): Promise<void> {
    await ledger.close().finally(() => {
      shared.ledgers--
      if (shared.ledgers === 0) tails.delete(databaseUrl)
    })
  }
  return {
    ...ledger,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Rejects with a `StartProblem` if the EventStoreDB of a `LEDGER_URL` can't be read now. Of Postgres whoever migrates it says so. */
export async function checkLedger(ledgerUrl: string | undefined): Promise<void> {
  if (ledgerUrl === undefined) return
  const { checkEventStore } = await import('./eventstoredb/check.ts')
  await checkEventStore(ledgerUrl)
}

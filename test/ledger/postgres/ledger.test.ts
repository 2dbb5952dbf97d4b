import pg from 'pg'
import { createPostgresLedger } from '../../../ledger/postgres/ledger.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { ledgerContract } from '../contract.ts'

ledgerContract('Postgres', async () => {
  const database = await createTestDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 10 })
  pool.on('error', () => {})
  const open = () => createPostgresLedger({ databaseUrl: database.url, pool })
  const ledger = open()
  return {
    ledger,
    second: async () => open(),
    stop: async () => {
      await ledger.close()
      await pool.end()
      await database.drop()
    },
  }
})

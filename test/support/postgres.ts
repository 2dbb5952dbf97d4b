/** A fresh, migrated database for a test, on the server that `global-setup.ts` started. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  readonly url: string
  /** Ends what is still connected and removes it. */
  drop(): Promise<void>
}

/** With all of `runtime/migrations` applied, or empty. Takes some 100 ms (a third of what the default strategy takes). */
export async function createTestDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const template = kind === 'migrated' ? 'triptick_template' : 'template0'
  await withClient((client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`),
  )
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  return {
    url: url.href,
    async drop() {
      await withClient(async (client) => {
        await left(client, name)
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      })
    },
  }
}

const LOOKS = 500
const IS_CONNECTED = `SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend' LIMIT 1`

/**
 * Until nobody is connected, or for ten seconds: `pool.end()` does not wait for its connections to end. One that is terminated before
 * it has read its end tells its pool so, and the error of a pool that nobody listens to fails the whole run.
 */
async function left(client: pg.Client, name: string): Promise<void> {
  for (let looks = 0; looks < LOOKS; looks++) {
    const { rowCount } = await client.query(IS_CONNECTED, [name])
    if (rowCount === 0) return
    // Not by a clock of this process: the test may have set it.
    await client.query('SELECT pg_sleep(0.02)')
  }
}

async function withClient(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

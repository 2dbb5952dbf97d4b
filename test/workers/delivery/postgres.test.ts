import pg from 'pg'
import { deliverySuite } from './suite.ts'

deliverySuite('Postgres', {
  redisUrl: () => undefined,
  async empty({ databaseUrl }) {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query('TRUNCATE bullmq.job CASCADE')
    await client.end()
  },
})

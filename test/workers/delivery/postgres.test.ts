import pg from 'pg'
import { expect, test } from 'vitest'
import { createWorld, pause, type StoreUnderTest, until } from './kit.ts'
import { recoverySuite } from './recovery-suite.ts'
import { deliverySuite } from './suite.ts'

const store: StoreUnderTest = {
  redisUrl: () => undefined,
  empty: ({ databaseUrl }) => run(databaseUrl, 'TRUNCATE bullmq.job CASCADE'),
}
deliverySuite('Postgres', store)
recoverySuite('Postgres', store)

test('broken connections to the job store end no process, and delivery goes on', async () => {
  const world = await createWorld()
  try {
    await world.startWorkers()
    const conversationId = await world.startConversation('ann', 'bob')
    await pause(200)
    await run(
      world.databaseUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name IN ('triptick-jobs', 'delivery')`,
    )
    await world.send(conversationId, 'ann')
    await until(
      async () => expect(await world.attempts(conversationId, 'bob')).toContain('exhausted 4'),
      20_000,
    )
  } finally {
    await world.stop()
  }
}, 60_000)

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

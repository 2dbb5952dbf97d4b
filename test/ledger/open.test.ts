import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Revision, StreamName } from '../../ledger/ledger.ts'
import { openLedger } from '../../ledger/open.ts'
import { createLogger } from '../../runtime/logging.ts'
import { createPool } from '../../runtime/postgres.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const PATIENTLY = { timeout: 20_000 }

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test('ledgers of one process on one database read what is new once, whoever follows', async () => {
  const log = createLogger({ level: 'silent', process: 'test' })
  const pool = createPool({ url: database.url, name: 'test', log })
  let pages = 0
  const counting = Object.assign(Object.create(pool), {
    query: async (query: pg.QueryConfig) => {
      const result = await pool.query(query)
      if (query.name?.startsWith('ledger-follow') && result.rows[0].positions !== null) pages++
      return result
    },
  })
  const open = () => openLedger({ ledgerUrl: undefined, databaseUrl: database.url, pool: counting, log })
  const ledgers = [await open(), await open()]
  const stop = new AbortController()
  const seen: bigint[] = ledgers.map(() => 0n)
  const following = ledgers.map(async (ledger, index) => {
    for await (const step of ledger.subscribe({ after: 'end', signal: stop.signal })) {
      if (step.kind === 'events') seen[index] = step.events.at(-1)?.position as bigint
    }
  })
  const append = async () => {
    const event = { id: crypto.randomUUID(), type: 'Happened', data: '{}', metadata: '{}' }
    const outcome = await ledgers[0]?.append(
      `test-${event.id}` as StreamName,
      [event, { ...event, id: crypto.randomUUID() }],
      -1 as Revision,
    )
    return outcome && 'position' in outcome ? outcome.position : undefined
  }
  // Until both are there: each begins at an end of its own.
  await expect
    .poll(async () => {
      const last = await append()
      await new Promise((resolve) => setTimeout(resolve, 50))
      return seen.every((position) => position === last)
    }, PATIENTLY)
    .toBe(true)
  const before = pages
  const last = await append()
  await expect.poll(() => seen, PATIENTLY).toEqual([last, last])
  expect(pages - before).toBe(1)
  stop.abort()
  await Promise.all(following)
  await Promise.all(ledgers.map((ledger) => ledger.close()))
  await pool.end()
})

/** Where a name has logged in, nobody who guesses elsewhere keeps it out. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccounts } from '../../../api/accounts/accounts.ts'
import { ALLOWANCES, createAttempts } from '../../../api/accounts/attempts.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

const [HOME, AWAY] = ['203.0.113.7', '198.51.100.7'] as const
const PASSWORD = 'correct horse battery staple'

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

test('who guesses a password from a dozen networks does not keep out whoever logs in where they have before', async () => {
  const log = createLogger({ level: 'silent', process: 'test' })
  const signing = {
    jwtSecret: 'a secret that signs tokens of our own',
    jwtIssuer: undefined,
    jwtAudience: undefined,
  }
  const accounts = createAccounts({ pool, signing, log, onEnded: () => {} })
  await accounts.register({ name: 'Ann', password: PASSWORD }, HOME)
  const attempts = createAttempts(pool)
  for (let guess = 0; guess < ALLOWANCES.name.atOnce; guess++) await attempts.take([['name', 'ann']])
  const right = { name: 'ANN', password: PASSWORD }
  await expect(accounts.login(right, AWAY)).rejects.toMatchObject({ code: 'rate_limited' })
  expect(await accounts.login(right, HOME)).toMatchObject({ token: expect.any(String) })
  // Whoever guesses there has ten tries, as anywhere.
  const wrong = { name: 'ann', password: 'not this one' }
  for (let guess = 0; guess < ALLOWANCES.nameInNetwork.atOnce; guess++) {
    await expect(accounts.login(wrong, HOME)).rejects.toMatchObject({ code: 'unauthorized' })
  }
  await expect(accounts.login(wrong, HOME)).rejects.toMatchObject({ code: 'rate_limited' })
  await pool.query(`UPDATE accounts.attempts SET full_at = full_at - interval '31 days'`)
  await accounts.sweep()
  expect((await pool.query('SELECT FROM accounts.attempts')).rowCount).toBe(0)
})

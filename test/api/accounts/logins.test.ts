import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogins } from '../../../api/accounts/logins.ts'
import type { UserId } from '../../../domain/ids.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

const ANN = '0190a1b2-0000-4000-8000-000000000001' as UserId

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 3 })
  pool.on('error', () => {})
  await pool.query(
    `INSERT INTO accounts.people (user_id, name, name_key, password_hash) VALUES ($1, 'Ann', 'ann', 'none')`,
    [ANN],
  )
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** Each statement is carried out, or not, and its answer is lost. */
const deaf = (isCarriedOut: boolean) => {
  let lost = false
  return {
    query: async (text: string, values: unknown[]) => {
      if (lost) return await pool.query(text, values)
      lost = true
      if (isCarriedOut) await pool.query(text, values)
      throw new Error('Connection terminated unexpectedly')
    },
  } as unknown as pg.Pool
}

test('an exchange that happened is answered, also if the database could not say so', async () => {
  const logins = createLogins(pool)
  const { refreshToken } = await logins.begin(ANN)
  const exchanged = await createLogins(deaf(true)).exchange(refreshToken)
  expect(exchanged).toMatchObject({ kind: 'exchanged', userId: ANN, name: 'Ann' })
  const next = exchanged as { readonly refreshToken: string }
  expect(await logins.exchange(next.refreshToken)).toMatchObject({ kind: 'exchanged' })
})

test('one that did not happen is no answer, and the token is as good as before', async () => {
  const logins = createLogins(pool)
  const { refreshToken } = await logins.begin(ANN)
  await expect(createLogins(deaf(false)).exchange(refreshToken)).rejects.toThrow('terminated')
  expect(await logins.exchange(refreshToken)).toMatchObject({ kind: 'exchanged' })
})

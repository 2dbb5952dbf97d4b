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

test('an exchange that is still under way when its connection breaks is waited for', async () => {
  const logins = createLogins(pool)
  const { refreshToken } = await logins.begin(ANN)
  const backend = await pool.connect()
  let lost = false
  const breaking = {
    query: async (text: string, values: unknown[]) => {
      if (lost) return await pool.query(text, values)
      lost = true
      await backend.query('BEGIN')
      await backend.query(text, values)
      setTimeout(() => void backend.query('COMMIT'), 300)
      throw new Error('Connection terminated unexpectedly')
    },
  } as unknown as pg.Pool
  expect(await createLogins(breaking).exchange(refreshToken)).toMatchObject({
    kind: 'exchanged',
    name: 'Ann',
  })
  backend.release()
})

test('the newest token of a log-in that was not used for too long is not valid any more, and no old one', async () => {
  const logins = createLogins(pool)
  const { refreshToken, loginId } = await logins.begin(ANN)
  await pool.query(`UPDATE accounts.logins SET expires_at = now() WHERE login_id = $1`, [loginId])
  expect(await logins.exchange(refreshToken)).toEqual({ kind: 'unknown' })
})

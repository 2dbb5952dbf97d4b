/** What SQL alone shows of `ledger.append_batches` and of the function that the version before calls. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonArray } from '../../../runtime/binary-arrays.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const append = async (stream: string, expected: number, id: string, data: string) => {
  const values = [[stream], [expected], [1], [1], [1], [id], ['MessageSent'], [data], ['{}']]
  return (
    await client.query('SELECT * FROM ledger.append_together($1, $2, $3, $4, $5, $6, $7, $8, $9)', values)
  ).rows
}

test('a process of the version before appends, conflicts and repeats as ever', async () => {
  const [first, second] = [randomUUID(), randomUUID()]
  const data = '{"text":"\\u001e \\"ü\\" 👋"}'
  const written = await append('conversation-old', -1, first, data)
  expect(written).toEqual([{ batch: 0, written: true, revision: null, last_position: '0' }])
  expect(await append('conversation-old', -1, second, '{}')).toMatchObject([
    { batch: 1, written: false, revision: 0 },
  ])
  expect(await append('conversation-old', -1, first, data)).toMatchObject([
    { batch: 1, written: true, revision: 0 },
  ])
  const { rows } = await client.query('SELECT id, data::text FROM ledger.events')
  expect(rows).toEqual([{ id: first, data }])
})

test('Postgres reads an array of JSON in binary format as it was written', async () => {
  const texts = ['{}', '{"a":"\\u0000\\"\\\\ {},"}', '"ü👋\\ud800"', `"${'x'.repeat(100_000)}"`]
  const { rows } = await client.query('SELECT unnest($1::json[])::text AS text', [
    jsonArray(texts, (text) => text),
  ])
  expect(rows.map(({ text }) => text)).toEqual(texts)
  const none = await client.query('SELECT cardinality($1::json[]) AS n', [jsonArray([], String)])
  expect(none.rows).toEqual([{ n: 0 }])
})

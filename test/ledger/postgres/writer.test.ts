import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createWriter } from '../../../ledger/postgres/writer.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let admin: pg.Client
beforeAll(async () => {
  database = await createTestDatabase('empty')
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})

const PATIENTLY = { timeout: 15_000 }
const PID = { name: 'pid', text: 'SELECT pg_backend_pid() AS pid', values: [] }
const writers = async () =>
  (
    await admin.query(`SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'triptick ledger writer'`)
  ).rows

test('the end of a connection that was given up does not make the writer forget the one that came after it', async () => {
  const writer = createWriter(database.url, 10_000)
  const pid = async () => (await writer.query(PID)).rows[0].pid as number
  const first = await pid()
  writer.discard()
  const second = await pid()
  await vi.waitFor(async () => expect(await writers()).toEqual([{ pid: second }]), PATIENTLY)
  expect(second).not.toBe(first)
  expect(await pid()).toBe(second)
  await writer.close()
  await vi.waitFor(async () => expect(await writers()).toEqual([]), PATIENTLY)
})

test('queries share a connection, each a transaction, and what was sent behind one that hangs fails with it once it is given up', async () => {
  const writer = createWriter(database.url, 10_000)
  await admin.query('CREATE TABLE asked (what text)')
  const asking = (text: string) => ({ name: text, text, values: [] })
  const all = await Promise.allSettled([
    writer.query(PID),
    writer.query(asking("INSERT INTO asked VALUES ('first')")),
    writer.query(asking('SELECT 1 / (SELECT 0)')),
    writer.query(asking("INSERT INTO asked VALUES ('second')")),
    writer.query(PID),
  ])
  expect(all.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect((await admin.query('SELECT what FROM asked')).rows).toEqual([{ what: 'first' }, { what: 'second' }])
  const { rows } = await writer.query(PID)
  expect(await writers()).toEqual([{ pid: rows[0].pid }])

  const hanging = expect(writer.query(asking('SELECT pg_sleep(60)'))).rejects.toThrow('terminated')
  const behind = expect(writer.query(asking('SELECT 2'))).rejects.toThrow('terminated')
  const asleep = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
  await vi.waitFor(async () => expect((await admin.query(asleep)).rowCount).toBe(1), PATIENTLY)
  writer.discard()
  expect((await writer.query(asking('SELECT 3 AS n'))).rows).toEqual([{ n: 3 }])
  await Promise.all([hanging, behind])
  await writer.close()
})

test('a server that takes the connection and says nothing is given up', async () => {
  const sockets: Socket[] = []
  // Others come, too: who looks for a server that had this port before.
  const silent = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (said) => String(said).includes('nobody') && sockets.push(socket))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as { readonly port: number }
  const writer = createWriter(`postgres://nobody@127.0.0.1:${port}/nothing`, 10_000)
  await expect(writer.query(PID)).rejects.toThrow('timeout')
  await vi.waitFor(() => expect(sockets.map(({ closed }) => closed)).toEqual([true]), PATIENTLY)
}, 40_000)

test('a query that takes too long is ended by the server, which keeps no connection for it', async () => {
  const writer = createWriter(database.url, 200)
  const slow = writer.query({ name: 'slow', text: 'SELECT pg_sleep(60)', values: [] })
  await expect(slow).rejects.toMatchObject({ code: '57014' })
  const { rows } = await writer.query(PID)
  expect(await writers()).toEqual([{ pid: rows[0].pid }])
  await writer.close()
})

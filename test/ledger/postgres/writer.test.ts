import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Revision, StreamName } from '../../../ledger/ledger.ts'
import { createAppendQueue } from '../../../ledger/postgres/append-queue.ts'
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

test('only the connection of a query is given up, not the one that came after it, nor is that forgotten when it ends', async () => {
  const writer = createWriter(database.url, 10_000)
  const sent = writer.send(PID)
  const [first] = (await sent.answer).rows
  sent.giveUp()
  const pid = async () => (await writer.send(PID).answer).rows[0].pid as number
  const second = await pid()
  await vi.waitFor(async () => expect(await writers()).toEqual([{ pid: second }]), PATIENTLY)
  expect(second).not.toBe(first.pid)
  sent.giveUp()
  expect(await pid()).toBe(second)
  await writer.close()
  await vi.waitFor(async () => expect(await writers()).toEqual([]), PATIENTLY)
})

test('what waits for a connection that is given up while it is opened fails at once, and is never asked', async () => {
  const writer = createWriter(database.url, 10_000)
  await admin.query('CREATE TABLE IF NOT EXISTS opened (what text)')
  const asking = (what: string) => ({ name: what, text: `INSERT INTO opened VALUES ('${what}')`, values: [] })
  const first = writer.send(asking('first'))
  const second = writer.send(asking('second'))
  first.giveUp()
  await expect(Promise.race([first.answer, second.answer])).rejects.toThrow()
  await Promise.allSettled([first.answer, second.answer])
  await writer.send(asking('third')).answer
  expect((await admin.query('SELECT what FROM opened')).rows).toEqual([{ what: 'third' }])
  await writer.close()
})

test('an append that follows the end of a session goes to a new one', async () => {
  const ledgerDatabase = await createTestDatabase()
  const direct = new pg.Client({ connectionString: ledgerDatabase.url })
  await direct.connect()
  const writer = createWriter(ledgerDatabase.url, 10_000)
  const queue = createAppendQueue(writer, 10_000)
  const append = (stream: string) =>
    queue.append({
      stream: stream as StreamName,
      events: [{ id: crypto.randomUUID(), type: 'Happened', data: '{}', metadata: '{}' }],
      expected: -1 as Revision,
    })
  expect(await append('test-1')).toMatchObject({ kind: 'written' })
  await direct.query('BEGIN; UPDATE ledger.head SET position = position')
  const held = append('test-2')
  const waits = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await vi.waitFor(async () => expect((await direct.query(waits)).rowCount).toBe(1), PATIENTLY)
  const [{ pid }] = (await direct.query(waits)).rows
  await direct.query('SELECT pg_terminate_backend($1)', [pid])
  await direct.query('ROLLBACK')
  expect(await held).toMatchObject({ kind: 'ambiguous' })
  expect(await append('test-3')).toMatchObject({ kind: 'written' })
  await queue.close()
  await writer.close()
  await direct.end()
  await ledgerDatabase.drop()
})

test('queries share a connection, each a transaction, and what was sent behind one that hangs fails with it once it is given up', async () => {
  const writer = createWriter(database.url, 10_000)
  await admin.query('CREATE TABLE asked (what text)')
  const asking = (text: string) => ({ name: text, text, values: [] })
  const all = await Promise.allSettled([
    writer.send(PID).answer,
    writer.send(asking("INSERT INTO asked VALUES ('first')")).answer,
    writer.send(asking('SELECT 1 / (SELECT 0)')).answer,
    writer.send(asking("INSERT INTO asked VALUES ('second')")).answer,
    writer.send(PID).answer,
  ])
  expect(all.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect((await admin.query('SELECT what FROM asked')).rows).toEqual([{ what: 'first' }, { what: 'second' }])
  const { rows } = await writer.send(PID).answer
  expect(await writers()).toEqual([{ pid: rows[0].pid }])

  const sleeping = writer.send(asking('SELECT pg_sleep(60)'))
  const hanging = expect(sleeping.answer).rejects.toThrow('terminated')
  const behind = expect(writer.send(asking('SELECT 2')).answer).rejects.toThrow('terminated')
  const asleep = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
  await vi.waitFor(async () => expect((await admin.query(asleep)).rowCount).toBe(1), PATIENTLY)
  sleeping.giveUp()
  expect((await writer.send(asking('SELECT 3 AS n')).answer).rows).toEqual([{ n: 3 }])
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
  await expect(writer.send(PID).answer).rejects.toThrow('timeout')
  await vi.waitFor(() => expect(sockets.map(({ closed }) => closed)).toEqual([true]), PATIENTLY)
}, 40_000)

test('a query that takes too long is ended by the server, which keeps no connection for it', async () => {
  const writer = createWriter(database.url, 200)
  const slow = writer.send({ name: 'slow', text: 'SELECT pg_sleep(60)', values: [] }).answer
  await expect(slow).rejects.toMatchObject({ code: '57014' })
  const { rows } = await writer.send(PID).answer
  expect(await writers()).toEqual([{ pid: rows[0].pid }])
  await writer.close()
})

test('a query that nobody answers does not keep the writer from closing', async () => {
  const writer = createWriter(database.url, 60_000)
  const hanging = expect(
    writer.send({ name: 'hanging', text: 'SELECT pg_sleep(30)', values: [] }).answer,
  ).rejects.toThrow('terminated')
  // Sent, and not only connected: what waits for its connection would be told something else.
  const hangs = async () =>
    (await admin.query(`SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'`)).rows
  await vi.waitFor(async () => expect(await hangs()).toHaveLength(1), PATIENTLY)
  await writer.close()
  await hanging
}, 20_000)

test('a server that lets in and then says nothing does not keep the writer from closing', async () => {
  // AuthenticationOk and ReadyForQuery, to whatever is said first.
  const welcome = Buffer.from('520000000800000000' + '5a0000000549', 'hex')
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    socket.once('data', () => socket.write(welcome))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const writer = createWriter(`postgres://nobody@127.0.0.1:${port}/nothing`, 60_000)
  const waiting = expect(writer.send(PID).answer).rejects.toThrow('terminated')
  await vi.waitFor(() => expect(sockets).toHaveLength(1), PATIENTLY)
  await writer.close()
  await waiting
}, 20_000)

/** The worker that destroys temporary bodies: interrupted anywhere, late, and what it leaves behind. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Millis } from '../../../domain/ids.ts'
import type { CommandHandler } from '../../../ledger/handle-command.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { destroyOverdue } from '../../../workers/retention/due-bodies.ts'
import { startRetention } from '../../../workers/retention/retention.ts'
import { DEFAULT_RETENTION } from '../../../workers/retention/settings.ts'
import { startWorkers } from '../../../workers/role.ts'
import { call, join as connect, createCast } from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

let system: System
let url: string
let pool: pg.Pool
const people = createCast()
const SOON = { timeout: 20_000 }

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  pool = new pg.Pool({ connectionString: system.database.url, max: 4 })
})
afterAll(async () => {
  await pool?.end()
  await system?.stop()
})

// Of tests in which nothing is recorded.
afterEach(async () => {
  await pool.query('DELETE FROM ledger.temporary_bodies')
})

const log = createLogger({ level: 'silent', process: 'test' })

/** The worker as it would run in a process of its own, on a given way of recording. */
const retentionOn = (converse: CommandHandler['converse']) =>
  startRetention({
    pool,
    handler: { converse },
    settings: { ...DEFAULT_RETENTION, lookMs: 50 },
    metrics: createMetrics('test'),
    log,
  })

async function startTemporary(by: string, other: string, seconds: number): Promise<string> {
  const retention = { mode: 'ttl', seconds }
  const { body } = await call(url, by, 'POST', '/v1/conversations', {
    kind: 'direct',
    members: [other],
    retention,
  })
  return body.conversationId
}

const kept = async (id: string) =>
  (
    await pool.query(
      'SELECT seq, gone, sealed IS NULL AS empty FROM ledger.temporary_bodies WHERE conversation_id = $1 ORDER BY seq',
      [id],
    )
  ).rows
const expiries = async (id: string) =>
  (
    await pool.query(
      `SELECT (data->>'seq')::int AS seq FROM ledger.events WHERE stream = $1 AND type = 'MessageExpired' ORDER BY revision`,
      [`conversation-${id}`],
    )
  ).rows.map(({ seq }) => seq)

/** Every file below a folder that holds these bytes. Files come and go meanwhile, and the folders of others' databases. */
function filesWith(folder: string, bytes: Buffer): string[] {
  const entries = unlessGone(() => readdirSync(folder, { withFileTypes: true })) ?? []
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesWith(path, bytes)
    return entry.isFile() && unlessGone(() => readFileSync(path))?.includes(bytes) ? [path] : []
  })
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

test('interrupted between destroying and recording, and run again, it records each expiry once', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  const id = await startTemporary(alice, bob, 5)
  const a = await connect(url, alice)
  for (let n = 1; n <= 5; n++) await a.say(id, `message ${n}`)
  // Late: nobody is given a body past its time though no worker has run.
  await expect
    .poll(async () => (await call(url, bob, 'GET', `/v1/conversations/${id}/messages`)).body.messages, SOON)
    .toMatchObject(Array.from({ length: 5 }, () => ({ gone: 'expired' })))
  expect(await kept(id)).toHaveLength(5)
  // The first dies after destroying: its commands are answered by nobody.
  const first = retentionOn((() => Promise.reject(new Error('killed here'))) as never)
  await expect
    .poll(async () => (await kept(id)).every(({ empty }: { empty: boolean }) => empty), SOON)
    .toBe(true)
  await first.stop()
  expect(await expiries(id)).toEqual([])
  // The second and the third run at once.
  const context = (name: string) => ({
    config: system.config,
    log: createLogger({ level: 'silent', process: name }),
    metrics: createMetrics(name),
  })
  const others = await Promise.all([startWorkers(context('second')), startWorkers(context('third'))])
  await expect.poll(() => kept(id), SOON).toEqual([])
  expect(await expiries(id)).toEqual([1, 2, 3, 4, 5])
  await Promise.all(others.map((role) => role.stop()))
  await a.close()
})

test('a worker whose clock is ahead destroys nothing early', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  const id = await startTemporary(alice, bob, 3_600)
  const a = await connect(url, alice)
  await a.say(id, 'good for an hour')
  const tomorrow = (Date.now() + 86_400_000) as Millis
  expect(await destroyOverdue(pool, tomorrow, 10)).toEqual([])
  await pool.query('UPDATE ledger.temporary_bodies SET expires_at = 1 WHERE conversation_id = $1', [id])
  // Nor one whose clock is behind.
  expect(await destroyOverdue(pool, 0 as Millis, 10)).toEqual([])
  expect(await destroyOverdue(pool, tomorrow, 10)).toEqual(['ttl'])
  await a.close()
})

test('a ledger that does not answer keeps no body alive', async () => {
  const [alice, bob] = people('alice', 'bob') as [string, string]
  const id = await startTemporary(alice, bob, 5)
  const a = await connect(url, alice)
  await a.say(id, 'recorded by nobody')
  let answer: (kind: object) => void = () => {}
  const answers = new Promise<object>((resolve) => {
    answer = resolve
  })
  const worker = retentionOn((() => answers) as never)
  const bodies = async () => (await kept(id)).map(({ empty }: { empty: boolean }) => empty)
  await expect.poll(bodies, SOON).toEqual([true])
  // Its recording hangs by now; the next one is destroyed all the same.
  await a.say(id, 'recorded by nobody either')
  await expect.poll(bodies, SOON).toEqual([true, true])
  answer({ kind: 'unavailable', cause: 'a test' })
  await worker.stop()
  await a.close()
})

test('a conversation that cannot be recorded does not stand before the others', async () => {
  const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
  const [broken, whole] = [await startTemporary(alice, bob, 5), await startTemporary(alice, carl, 5)]
  const a = await connect(url, alice)
  for (let n = 0; n < 3; n++) await a.say(broken, `${n}`)
  await a.say(whole, 'to be recorded')
  const asked = new Set<string>()
  const worker = startRetention({
    pool,
    handler: {
      converse: (async (id: string) => {
        asked.add(id)
        return id === broken ? { kind: 'unavailable', cause: 'a test' } : { kind: 'done', result: {} }
      }) as never,
    },
    settings: { ...DEFAULT_RETENTION, lookMs: 50, page: 2 },
    metrics: createMetrics('test'),
    log,
  })
  await expect.poll(() => kept(whole), SOON).toEqual([])
  expect(await kept(broken)).toHaveLength(3)
  expect(asked).toEqual(new Set([broken, whole]))
  await worker.stop()
  await a.close()
})

test('the words of a temporary message are in no file of the database, neither before it is due nor after', async () => {
  const { rows } = await pool.query<{ data_directory: string }>('SHOW data_directory')
  const folder = rows[0]?.data_directory as string
  const [alice, bob] = people('alice', 'bob') as [string, string]
  const id = await startTemporary(alice, bob, 5)
  const [a, b] = [await connect(url, alice), await connect(url, bob)]
  const words = 'these-words-are-on-no-disk-5f1e'
  await a.say(id, words)
  await b.get({ t: 'message', conversationId: id })
  await pool.query('CHECKPOINT')
  // The search finds what is there: the id of the conversation, in the write-ahead log at least.
  expect(filesWith(folder, Buffer.from(id))).not.toEqual([])
  expect(filesWith(folder, Buffer.from(words))).toEqual([])
  const worker = await startWorkers({
    config: system.config,
    log,
    metrics: createMetrics('workers'),
  })
  await expect.poll(() => kept(id), SOON).toEqual([])
  // Vacuumed: the table gives its space back when nothing is left in it.
  await expect
    .poll(
      async () =>
        (await pool.query(`SELECT pg_relation_size('ledger.temporary_bodies')::int AS bytes`)).rows[0].bytes,
      SOON,
    )
    .toBe(0)
  await pool.query('CHECKPOINT')
  expect(filesWith(folder, Buffer.from(words))).toEqual([])
  await worker.stop()
  await Promise.all([a.close(), b.close()])
})

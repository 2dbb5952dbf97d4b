/** What was said in a conversation that was parked while devices went on, and is freed, comes to all of them after all. */
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openLedger } from '../../ledger/open.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { createSession } from '../../projections/engine/session.ts'
import { retryParked } from '../../projections/parked/retry.ts'
import { createLogger } from '../../runtime/logging.ts'
import { begin, call, createCast, type Frame, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let database: pg.Pool
const url = (node = 0) => system.urls[node] as string

beforeAll(async () => {
  system = await startSystem({ apiNodes: 2, workers: false })
  database = new pg.Pool({ connectionString: system.database.url, max: 2 })
})
afterAll(async () => {
  await database?.end()
  await system?.stop()
})

const people = createCast()

/** What `say` says is parked, and so is all that comes after it in this conversation. */
async function parkFrom(conversationId: string, say: () => Promise<unknown>): Promise<void> {
  await system.stopProjections()
  await say()
  await database.query(
    `INSERT INTO read.parked_conversations (conversation_id, position, reason)
     SELECT $1, max(position), 'for a test' FROM ledger.events WHERE stream = $2`,
    [conversationId, conversationStream(conversationId as never)],
  )
  await system.startProjections()
}

async function free(conversationId: string): Promise<void> {
  const log = createLogger({ level: 'silent', process: 'test' })
  const databaseUrl = system.database.url
  const ledger = await openLedger({ ledgerUrl: undefined, databaseUrl, pool: database, log })
  const session = createSession(databaseUrl, 'test retry')
  try {
    expect(await retryParked(session, ledger, conversationId)).toMatchObject({ kind: 'freed' })
  } finally {
    await session.close()
    await ledger.close()
  }
}

interface Page {
  readonly frames: Frame[]
  readonly position: string
  readonly more: boolean
}

async function poll(userId: string, after: string, node: number): Promise<Page> {
  const query = new URLSearchParams({ device: 'poller', after })
  const { status, body } = await call(url(node), userId, 'GET', `/v1/sync?${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as Page
}

const textsOf = (frames: readonly Frame[]) =>
  frames.filter(({ t }) => t === 'message').map(({ body }) => body.text)

test('what was said while a conversation was parked comes to whoever went on meanwhile, once it is freed', async () => {
  const [ann, ben] = people('ann', 'ben') as [string, string]
  const a = await join(url(), ann)
  onTestFinished(() => a.close())
  const conversationId = await begin(url(), ann, 'direct', [ben])
  await a.say(conversationId, 'before')
  // Two have it without a word, and one says so.
  for (const device of ['silent', 'away', 'says']) {
    const known = await join(url(1), ben, { device })
    await known.get({ t: 'message', seq: 1 })
    const { position } = await known.get({ t: 'live' })
    if (device === 'says') known.send({ t: 'delivered', conversationId, upTo: 1, ref: 1 })
    known.send([{ t: 'ack', position }, { t: 'ping' }])
    await known.get({ t: 'pong' })
    await known.close()
  }
  await parkFrom(conversationId, () => a.say(conversationId, 'parked'))

  // They are all told that they have everything, and say so. Two stay.
  const [says, silent, away] = await Promise.all(
    ['says', 'silent', 'away'].map(async (device) => {
      const one = await join(url(1), ben, { device })
      const { position } = await one.get({ t: 'live' })
      one.send([{ t: 'ack', position }, { t: 'ping' }])
      await one.get({ t: 'pong' })
      return one
    }),
  )
  if (!says || !silent || !away) throw new Error('not all came')
  onTestFinished(() => Promise.all([says.close(), silent.close()]).then(() => {}))
  await away.close()
  const { position: first, more } = await poll(ben, '0', 1)
  expect(more).toBe(false)
  await a.say(conversationId, 'pushed')
  await says.get({ t: 'message', seq: 3 })
  expect([...says.frames, ...silent.frames, ...away.frames].filter(({ seq }) => seq === 2)).toEqual([])

  await free(conversationId)
  // Who is connected, also if they were sent what came after it.
  for (const one of [says, silent]) {
    await one.get({ t: 'message', seq: 2 })
    await one.get({ t: 'message', seq: 3 })
  }
  expect(textsOf(says.frames).slice(-2)).toEqual(['parked', 'pushed'])
  // Who comes back, to another node.
  const back = await join(url(0), ben, { device: 'away' })
  onTestFinished(() => back.close())
  expect(textsOf(back.frames)).toEqual(['parked', 'pushed'])
  // Who polls, on either node, as soon as anything has happened since; and then nothing of it comes again.
  const told: string[] = []
  let polled = first
  for (let n = 0; n < 4 || !told.includes('parked'); n++) {
    await a.say(conversationId, `later ${n}`)
    const page = await poll(ben, polled, n % 2)
    told.push(...textsOf(page.frames))
    polled = page.position
  }
  const since = told.slice(told.indexOf('parked'))
  expect(since.slice(0, 2)).toEqual(['parked', 'pushed'])
  expect(new Set(since).size).toBe(since.length)
}, 90_000)

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import { decode } from '../../ledger/codec/decode.ts'
import { type CommandHandler, createCommandHandler } from '../../ledger/handle-command.ts'
import { GENESIS_HASH, hashOf } from '../../ledger/hash-chain.ts'
import type { AppendOutcome, Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import type { Committed } from '../../ledger/mailbox/contract.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { unseal } from '../../ledger/sealing/seal.ts'
import { createSnapshots } from '../../ledger/snapshots.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

const [ALICE, BOB] = ['alice', 'bob'] as [UserId, UserId]
const PHONE = 'phone' as DeviceId
const MASTER_KEY = Buffer.alloc(32, 7)

let database: TestDatabase
let pool: pg.Pool
let ledger: Ledger
let made = 0
/** A client's clock that never shows the same time twice. */
let clock = Date.now()

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 10 })
  pool.on('error', () => {})
  ledger = createPostgresLedger({ databaseUrl: database.url, pool })
})
afterAll(async () => {
  await ledger.close()
  await pool.end()
  await database.drop()
})

const newId = () => `0190a1b2-0000-7000-8000-${String(++made).padStart(12, '0')}` as ConversationId
const idOf = (name: string) => Buffer.from(name).toString('hex').padStart(64, '0') as MessageId
const envelope = (commandId: string, actorId = ALICE) => ({ commandId, actorId, actorKind: 'user' as const })

function node(overrides: Partial<Parameters<typeof createCommandHandler>[0]> = {}): CommandHandler {
  return createCommandHandler({
    ledger,
    snapshots: createSnapshots(pool),
    contentKeys: createContentKeys(pool, MASTER_KEY),
    node: 'n1',
    findMessage: () => Promise.reject(new Error('no look-up expected')),
    report: () => {},
    ...overrides,
  })
}

const start = (handler: CommandHandler, id: ConversationId) =>
  handler.converse(id, {
    type: 'start',
    at: Date.now() as Millis,
    by: ALICE,
    kind: 'direct',
    members: [BOB],
    envelope: envelope(`start ${id}`),
  })

const send = (handler: CommandHandler, id: ConversationId, name: string, by = ALICE, text = name) =>
  handler.converse(id, {
    type: 'send',
    at: Date.now() as Millis,
    by,
    messageId: idOf(name),
    deviceId: PHONE,
    nonce: 'n'.repeat(16),
    clientAt: ++clock as Millis,
    body: { kind: 'text', text },
    envelope: envelope(idOf(name), by),
  })

const acknowledge = (handler: CommandHandler, id: ConversationId, upTo: number, kind: 'delivered' | 'read') =>
  handler.deliver(id, {
    type: 'acknowledge',
    at: Date.now() as Millis,
    kind,
    userId: BOB,
    deviceId: PHONE,
    upTo: upTo as never,
    envelope: envelope(`${kind} ${id} ${upTo}`, BOB),
  })

async function streamOf(id: ConversationId, of = conversationStream): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of ledger.readStream(of(id))) events.push(event)
  return events
}

/** A ledger whose appends can be made to fail on the way back. */
function faulty(fault: (write: () => Promise<AppendOutcome>) => Promise<AppendOutcome>): Ledger {
  return { ...ledger, append: (...args) => fault(() => ledger.append(...args)) }
}

describe('a command', () => {
  test('is answered only after its facts are durable', async () => {
    const id = newId()
    const heard: Committed[] = []
    const handler = node({ onCommitted: (committed) => heard.push(committed) })
    await start(handler, id)
    expect(await send(handler, id, 'a')).toMatchObject({ kind: 'done', result: { seq: 1 } })
    const other = await streamOf(id)
    expect(other.map(({ type }) => type)).toEqual(['ConversationStarted', 'MessageSent'])
    expect(heard.map(({ events }) => events.map(({ type }) => type))).toEqual([
      ['ConversationStarted'],
      ['MessageSent'],
    ])
  })

  test('that waits with others is appended with them, each in its order', async () => {
    const id = newId()
    const heard: Committed[] = []
    const handler = node({ onCommitted: (committed) => heard.push(committed) })
    await start(handler, id)
    const names = Array.from({ length: 300 }, (_, i) => `batch ${i}`)
    const answers = await Promise.all(names.map((name) => send(handler, id, name)))
    expect(answers.map((answer) => answer.kind === 'done' && answer.result.seq)).toEqual(
      names.map((_, i) => i + 1),
    )
    expect(heard.length).toBeLessThan(10)
  })

  test('sent twice at once exists once and both get the same answer', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    const [first, second] = await Promise.all([send(handler, id, 'twin'), send(handler, id, 'twin')])
    expect(second).toEqual(first)
    expect(await streamOf(id)).toHaveLength(2)
  })

  test('sent to two nodes at once exists once and both give the same answer', async () => {
    const id = newId()
    const nodes = [node({ node: 'n1' }), node({ node: 'n2' })] as const
    await start(nodes[0], id)
    const answers = await Promise.all(nodes.map((handler) => send(handler, id, 'everywhere')))
    expect(answers[1]).toEqual(answers[0])
    expect(await streamOf(id)).toHaveLength(2)
  })

  test('of two nodes that write at once is numbered without gap', async () => {
    const id = newId()
    const nodes = [node({ node: 'n1' }), node({ node: 'n2' })] as const
    await start(nodes[0], id)
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => send(nodes[i % 2] as CommandHandler, id, `race ${i}`)),
    )
    const seqs = answers.map((answer) => (answer.kind === 'done' ? answer.result.seq : Number.NaN))
    expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
  })

  test('whose append is cut off after it was written is written once and answered', async () => {
    const id = newId()
    let cuts = 2
    const handler = node({
      ledger: faulty(async (write) => {
        const outcome = await write()
        return cuts-- > 0 ? { kind: 'ambiguous', cause: new Error('cut') } : outcome
      }),
    })
    expect(await start(handler, id)).toMatchObject({ kind: 'done', result: { created: true } })
    expect(await streamOf(id)).toHaveLength(1)
  })

  test('that cannot be written is answered "unavailable", and the next one is written', async () => {
    const id = newId()
    let down = true
    const handler = node({
      ledger: faulty((write) =>
        down ? Promise.resolve({ kind: 'refused', retryable: false, cause: new Error('down') }) : write(),
      ),
    })
    expect(await start(handler, id)).toMatchObject({ kind: 'unavailable' })
    down = false
    expect(await start(handler, id)).toMatchObject({ kind: 'done', result: { created: true } })
  })

  test('is refused only after the ledger was asked whether another node knows better', async () => {
    const id = newId()
    const [n1, n2] = [node({ node: 'n1' }), node({ node: 'n2' })]
    expect(await send(n2, id, 'too early')).toMatchObject({ kind: 'rejected', code: 'not_found' })
    await start(n1, id)
    expect(await send(n2, id, 'now')).toMatchObject({ kind: 'done' })
    await send(n1, id, 'more')
    expect(await acknowledge(n2, id, 2, 'delivered')).toMatchObject({ kind: 'done' })
  })

  test('resent a month and a thousand messages later is looked up and gets its first answer', async () => {
    const id = newId()
    const sent: { seq: number; at: number }[] = []
    const handler = node({
      findMessage: async (_id, messageId) =>
        messageId === idOf('old')
          ? { seq: 1 as never, messageId, senderId: ALICE, deviceId: PHONE, at: sent[0]?.at as Millis }
          : null,
    })
    await start(handler, id)
    const old = await send(handler, id, 'old')
    if (old.kind === 'done') sent.push(old.result)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => send(handler, id, `later ${i}`)))
    const again = await handler.converse(id, {
      type: 'send',
      at: Date.now() as Millis,
      by: ALICE,
      messageId: idOf('old'),
      deviceId: PHONE,
      nonce: 'n'.repeat(16),
      clientAt: 1 as Millis,
      body: { kind: 'text', text: 'old' },
      envelope: envelope(idOf('old')),
    })
    expect(again).toEqual(old)
  })
})

describe('acknowledgements', () => {
  test('that wait together become one range', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await Promise.all(Array.from({ length: 50 }, (_, i) => send(handler, id, `m${i}`)))
    await Promise.all(Array.from({ length: 50 }, (_, i) => acknowledge(handler, id, i + 1, 'delivered')))
    const receipts = await streamOf(id, deliveryStream)
    expect(receipts.length).toBeLessThan(5)
    expect(receipts.at(-1)?.data).toMatchObject({ toSeq: 50 })
  })

  test('a forged one among good ones is refused alone', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await send(handler, id, 'only')
    const [good, forged] = await Promise.all([
      acknowledge(handler, id, 1, 'delivered'),
      acknowledge(handler, id, 99, 'delivered'),
    ])
    expect(good).toMatchObject({ kind: 'done', result: { upTo: 1 } })
    expect(forged).toMatchObject({ kind: 'rejected', code: 'conflict' })
  })
})

describe('what is in the ledger', () => {
  test('is a hash chain from the first event on, in each stream', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await Promise.all([send(handler, id, 'a'), send(handler, id, 'b', BOB)])
    await acknowledge(handler, id, 1, 'read')
    for (const stream of [conversationStream, deliveryStream]) {
      let prevHash = GENESIS_HASH
      for (const event of await streamOf(id, stream)) {
        expect(event.metadata.prevHash).toBe(prevHash)
        expect(hashOf(event)).toBe(event.metadata.hash)
        const { body: _erased, ...data } = event.data as Record<string, unknown>
        expect(hashOf({ ...event, data })).toBe(event.metadata.hash)
        expect(hashOf({ ...event, data: { ...data, forged: true } })).not.toBe(event.metadata.hash)
        prevHash = event.metadata.hash as string
      }
    }
  })

  test('holds no word of a message in the clear, and opens with the key of its sender', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await send(handler, id, 'secret', ALICE, 'the eagle has landed')
    const { rows } = await pool.query('SELECT data::text || metadata::text AS row FROM ledger.events')
    expect(rows.some(({ row }) => row.includes('eagle'))).toBe(false)
    const event = (await streamOf(id)).map(decode).at(-1)
    if (event?.type !== 'MessageSent') throw new Error('no message')
    const keys = await createContentKeys(pool, MASTER_KEY).find(id, [ALICE, BOB])
    expect([...keys.keys()]).toEqual([ALICE])
    const sealed = Buffer.from(event.body.bytes as string, 'base64')
    expect(unseal(keys.get(ALICE) as Buffer, event.messageId, sealed)).toEqual({
      kind: 'text',
      text: 'the eagle has landed',
    })
    expect(() => unseal(keys.get(ALICE) as Buffer, idOf('another'), sealed)).toThrow('not what was sealed')
  })
})

describe('snapshots', () => {
  test('are disposable: with them, without them and with damaged versions the same is decided', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => send(handler, id, `${round} ${i}`)))
    }
    const stored = async () =>
      (await pool.query('SELECT revision FROM ledger.snapshots WHERE stream = $1', [conversationStream(id)]))
        .rows
    await expect.poll(async () => (await stored()).length).toBe(1)
    expect((await node().conversation(id)).lastSeq).toBe(600)
    await pool.query('UPDATE ledger.snapshots SET state_version = 999')
    expect((await node().conversation(id)).lastSeq).toBe(600)
    await pool.query('DELETE FROM ledger.snapshots')
    const fresh = node()
    expect(await fresh.conversation(id)).toEqual(await handler.conversation(id))
    expect(await send(fresh, id, 'next')).toMatchObject({ result: { seq: 601 } })
  })
})

/** Nodes that handle commands on one Postgres ledger, and the commands of two people. For tests of command handling. */
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import type { ConversationId, DeviceId, MessageId, Millis, UserId } from '../../domain/ids.ts'
import { type CommandHandler, createCommandHandler } from '../../ledger/handle-command.ts'
import type { AppendOutcome, Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import type { CommandHandlerDeps } from '../../ledger/mailbox/contract.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../../ledger/snapshots.ts'
import { conversationStream } from '../../ledger/streams.ts'
import { createTemporaryBodies } from '../../ledger/temporary-bodies.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'

export const [ALICE, BOB] = ['alice', 'bob'] as [UserId, UserId]
export const PHONE = 'phone' as DeviceId
export const MASTER_KEY = Buffer.alloc(32, 7)

let database: TestDatabase
export let pool: pg.Pool
export let ledger: Ledger
let made = 0
/** A client's clock that never shows the same time twice. */
let clock = Date.now()

/** To be called by each test file: its ledger is its own. */
export function useLedger(): void {
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
}

export const databaseUrl = () => database.url
export const newId = () => `0190a1b2-0000-7000-8000-${String(++made).padStart(12, '0')}` as ConversationId
export const idOf = (name: string) => Buffer.from(name).toString('hex').padStart(64, '0') as MessageId
export const envelope = (commandId: string, actorId = ALICE) => ({
  commandId,
  actorId,
  actorKind: 'user' as const,
})

export const depsOf = (overrides: Partial<CommandHandlerDeps> = {}): CommandHandlerDeps => ({
  ledger,
  snapshots: createSnapshots(pool),
  contentKeys: createContentKeys(pool, MASTER_KEY),
  temporaryBodies: createTemporaryBodies(pool),
  node: 'n1',
  findMessage: () => Promise.reject(new Error('no look-up expected')),
  report: () => {},
  ...overrides,
})

export const node = (overrides: Partial<CommandHandlerDeps> = {}): CommandHandler =>
  createCommandHandler(depsOf(overrides))

export const start = (handler: CommandHandler, id: ConversationId, kind: 'direct' | 'group' = 'direct') =>
  handler.converse(id, {
    type: 'start',
    at: Date.now() as Millis,
    by: ALICE,
    kind,
    members: [BOB],
    envelope: envelope(`start ${id}`),
  })

export const send = (handler: CommandHandler, id: ConversationId, name: string, by = ALICE, text = name) =>
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

export const acknowledge = (
  handler: CommandHandler,
  id: ConversationId,
  upTo: number,
  kind: 'delivered' | 'read',
  deviceId = PHONE,
) =>
  handler.deliver(id, {
    type: 'acknowledge',
    at: Date.now() as Millis,
    kind,
    userId: BOB,
    deviceId,
    upTo: upTo as never,
    envelope: envelope(`${kind} ${id} ${upTo} ${deviceId}`, BOB),
  })

export async function streamOf(id: ConversationId, of = conversationStream): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of ledger.readStream(of(id))) events.push(event)
  return events
}

/** A ledger whose appends can be made to fail on the way back. */
export function faulty(fault: (write: () => Promise<AppendOutcome>) => Promise<AppendOutcome>): Ledger {
  return { ...ledger, append: (...args) => fault(() => ledger.append(...args)) }
}

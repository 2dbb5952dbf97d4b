import { afterAll, beforeAll, expect, test } from 'vitest'
import type { MessageId } from '../../../domain/ids.ts'
import type { Ledger, Position, RecordedEvent } from '../../../ledger/ledger.ts'
import { type BlindLexemes, createBlindLexemes } from '../../../ledger/sealing/blind-lexemes.ts'
import type { ContentKeys } from '../../../ledger/sealing/content-keys.ts'
import { seal } from '../../../ledger/sealing/seal.ts'
import { startSearchFollower } from '../../../projections/search/follower.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { someTalk } from '../support/talk.ts'
import { createWorld, quiet, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld('migrated')
  // The index asks the read models who was a member.
  await world.project(ledger)
})
afterAll(() => world.end())

const ledger = createMemoryLedger(someTalk({ conversations: 2, turns: 4 }))

const progress = async (): Promise<Position> => {
  const { rows } = await world.pool.query<{ position: string }>('SELECT position FROM search.progress')
  return BigInt(rows[0]?.position ?? 0) as Position
}

const lastMessage = (events: readonly RecordedEvent[]): bigint =>
  events.filter(({ type }) => type === 'MessageSent').at(-1)?.position ?? 0n

function follow(
  find: ContentKeys['find'],
  followed: Ledger = ledger,
  lexemes: BlindLexemes = createBlindLexemes(Buffer.alloc(32, 7)),
) {
  const contentKeys = { find } as ContentKeys
  return startSearchFollower({
    databaseUrl: world.url,
    pool: world.pool,
    ledger: followed,
    log: quiet,
    lexemes,
    contentKeys,
  })
}

const key = Buffer.alloc(32, 1)

/** Four messages, whose words can be indexed. */
const sealedTalk = () =>
  someTalk({ conversations: 1, turns: 4 }).map((event) => {
    if (event.type !== 'MessageSent') return event
    const data = event.data as { messageId: MessageId }
    const body = seal(key, data.messageId, { kind: 'text', text: 'hello' }).bytes
    return { ...event, data: { ...data, body } }
  })

const indexed = async (): Promise<number[]> => {
  const { rows } = await world.pool.query<{ seq: number }>('SELECT seq FROM search.messages ORDER BY seq')
  return rows.map(({ seq }) => seq)
}

const EMPTY = 'TRUNCATE search.messages, search.mentions, search.progress'

test('what fails for no fault of a message leaves no message out: the index stands still, and goes on later', async () => {
  let asked = 0
  const follower = follow(async () => {
    // As pg-pool says it, and then as Postgres does of a table that somebody is putting back: neither is about a message.
    if (asked++ === 0) throw new Error('timeout exceeded when trying to connect')
    throw Object.assign(new Error('relation does not exist'), { code: '42P01' })
  })
  await expect.poll(() => asked, { timeout: 10_000 }).toBe(2)
  expect(await progress()).toBe(0n)
  await follower.stop()

  const later = follow(async () => ({ of: () => undefined }))
  await expect.poll(async () => (await progress()) > 0n, { timeout: 10_000 }).toBe(true)
  await later.stop()
})

test('a message from which nothing can be made is left out, and those beside it are not', async () => {
  await world.pool.query(EMPTY)
  const said = sealedTalk()
  const blind = createBlindLexemes(Buffer.alloc(32, 7))
  const follower = follow(async () => ({ of: () => key }), createMemoryLedger(said), {
    ...blind,
    document(conversationId, seq, text) {
      if (seq === 2) throw new TypeError('of this message')
      return blind.document(conversationId, seq, text)
    },
  })
  await expect.poll(async () => (await progress()) >= lastMessage(said), { timeout: 10_000 }).toBe(true)
  await follower.stop()
  expect(await indexed()).toEqual([1, 3, 4])
})

test('a follower under which the index is emptied begins anew, though nobody has told it', async () => {
  await world.pool.query(EMPTY)
  const said = sealedTalk()
  const fourth = said.findLastIndex(({ type }) => type === 'MessageSent')
  const growing = createMemoryLedger(said.slice(0, fourth))
  const follower = follow(async () => ({ of: () => key }), growing)
  await expect.poll(indexed, { timeout: 10_000 }).toEqual([1, 2, 3])
  await world.pool.query(EMPTY)
  growing.add(said.slice(fourth))
  await expect.poll(indexed, { timeout: 10_000 }).toEqual([1, 2, 3, 4])
  await follower.stop()
})

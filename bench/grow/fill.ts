/**
 * A long past in a fresh database: ledger, read models and data keys.
 *
 * Circles of people who talk with one another and with nobody else, so that a person's inbox is as long in every past. Two are
 * real: each event is encoded, sealed and chained as the mailbox does it, appended by the ledger and folded by the projections;
 * they are what is measured. The others are copies of the second, made in SQL row by row with other ids and later positions,
 * so that every table and index is as large, as deep and as scattered as if they had talked. Their hashes chain to nothing and
 * their bodies do not open: nobody reads them. (All by the real way: 10 million events would take hours on two cores.)
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { ConversationId, MessageId, UserId } from '../../domain/ids.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { type ContentKeys, createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { seal } from '../../ledger/sealing/seal.ts'
import { startEngine } from '../../projections/engine/engine.ts'
import { LIVE_SETTINGS } from '../../projections/engine/settings.ts'
import { projectedPosition } from '../../projections/queries/projected-position.ts'
import { createLogger } from '../../runtime/logging.ts'
import { WRITERS, writeConversation } from '../project/past.ts'
import { copyCircles, TO_BE_COPIED } from './copies.ts'

export const PEOPLE_IN_A_CIRCLE = 15
const CONVERSATIONS_IN_A_CIRCLE = (PEOPLE_IN_A_CIRCLE * (PEOPLE_IN_A_CIRCLE - 1)) / 2
/** With their receipts and the start 47 events a conversation: two circles are the ten thousand. */
const MESSAGES_A_CONVERSATION = 22
export const EVENTS_OF_A_CIRCLE = CONVERSATIONS_IN_A_CIRCLE * 47

const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }
const POLL_MS = 20

export const memberOf = (circle: number, person: number): UserId => `c${circle}.p${person}` as UserId

const conversationIn = (circle: number): ConversationId => {
  const id = randomUUID() as string
  return (circle === 1 ? `${TO_BE_COPIED}${id.slice(TO_BE_COPIED.length)}` : id) as ConversationId
}

export interface Filled {
  readonly events: number
  /** Of the whole database on the disk. */
  readonly bytes: number
  readonly seconds: number
}

/** @param circles at least 2. */
export async function fill(databaseUrl: string, masterKey: Buffer, circles: number): Promise<Filled> {
  const began = performance.now()
  const log = createLogger({ level: 'warn', process: 'bench' })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  const ledger = createPostgresLedger({ databaseUrl, pool })
  try {
    // One after the other, so that the positions of the second are a row without gap.
    for (const circle of [0, 1]) await talk(ledger, createContentKeys(pool, masterKey), circle)
    const head = await ledger.head()
    if (head !== BigInt(2 * EVENTS_OF_A_CIRCLE)) throw new Error(`two circles are ${head} events`)
    const engine = startEngine({ databaseUrl, ledger, log, schema: 'read', settings: LIVE_SETTINGS })
    while ((await projectedPosition(pool)) < head) await sleep(POLL_MS)
    await engine.stop()

    await copyCircles(databaseUrl, EVENTS_OF_A_CIRCLE, circles)
    // What the database would do by itself some minutes later, in the middle of what is measured.
    await pool.query('VACUUM (ANALYZE)')
    await pool.query('CHECKPOINT')
    const { rows } = await pool.query<{ bytes: string }>(
      'SELECT pg_database_size(current_database()) AS bytes',
    )
    return {
      events: Number(await ledger.head()),
      bytes: Number(rows[0]?.bytes),
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    await ledger.close()
    await pool.end()
  }
}

/** Everybody with everybody of the circle. */
async function talk(ledger: Ledger, contentKeys: ContentKeys, circle: number): Promise<void> {
  const pairs = pairsOf(circle).values()
  async function writer(): Promise<void> {
    for (const pair of pairs) {
      const conversationId = conversationIn(circle)
      const key = await contentKeys.ensure(conversationId, pair[0])
      const sealed = (messageId: MessageId) => seal(key, messageId, BODY)
      const whole = { conversationId, pair, messages: MESSAGES_A_CONVERSATION, seal: sealed }
      await writeConversation(ledger, whole, () => {})
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
}

/** Who writes, and who acknowledges. */
function pairsOf(circle: number): (readonly [UserId, UserId])[] {
  return Array.from({ length: PEOPLE_IN_A_CIRCLE }, (_, one) =>
    Array.from({ length: one }, (_, other) => {
      const [writer, reader] = (one + other) % 2 === 0 ? [one, other] : [other, one]
      return [memberOf(circle, writer), memberOf(circle, reader)] as const
    }),
  ).flat()
}

/**
 * Gives a running system a long past: a ledger in which every event is encoded, sealed and chained, and its read models.
 *
 * It goes in by the front door: appended through the ledger's own group commit, by 64 writers at a time, while the projections
 * of the system fold it as they would any other traffic. So nothing stands there that the system would not have put there, and
 * the hash chains verify. Rows that are multiplied in SQL would come faster and be a past that never happened: their
 * hashes prove nothing, and their bodies do not open.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { v4 as uuidv4 } from 'uuid'
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { createContentKeys } from '../../ledger/sealing/content-keys.ts'
import { seal } from '../../ledger/sealing/seal.ts'
import { projectedPosition } from '../../projections/queries/projected-position.ts'
import { WRITERS, writeConversation } from '../project/past.ts'

/** Everybody talks with everybody of their circle, and with nobody else: a person's inbox is as long in every past. */
export const PEOPLE_IN_A_CIRCLE = 15
const CONVERSATIONS_IN_A_CIRCLE = (PEOPLE_IN_A_CIRCLE * (PEOPLE_IN_A_CIRCLE - 1)) / 2
/** With their receipts and the start 47 events a conversation, 4,935 a circle: two circles are the ten thousand. */
export const MESSAGES_A_CONVERSATION = 22
export const EVENTS_OF_A_CIRCLE = CONVERSATIONS_IN_A_CIRCLE * 47

const BODY = { kind: 'text' as const, text: 'x'.repeat(100) }
const POLL_MS = 100

export const memberOf = (circle: number, person: number): UserId => `c${circle}.p${person}` as UserId

export interface FillOptions {
  readonly databaseUrl: string
  readonly masterKey: Buffer
  readonly circles: number
}

/** Answers how many events it were, and what they take on the disk. */
export async function fill({
  databaseUrl,
  masterKey,
  circles,
}: FillOptions): Promise<{ readonly events: number; readonly bytes: number }> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  const ledger = createPostgresLedger({ databaseUrl, pool })
  const contentKeys = createContentKeys(pool, masterKey)
  const pairs = allPairs(circles)
  let events = 0

  async function writer(): Promise<void> {
    for (const pair of pairs) {
      const conversationId = uuidv4() as ConversationId
      const key = await contentKeys.ensure(conversationId, pair[0])
      const talk = {
        conversationId,
        pair,
        messages: MESSAGES_A_CONVERSATION,
        seal: (messageId: Parameters<typeof seal>[1]) => seal(key, messageId, BODY),
      }
      await writeConversation(ledger, talk, (count) => {
        events += count
      })
    }
  }

  try {
    await Promise.all(Array.from({ length: WRITERS }, writer))
    const head = await ledger.head()
    while ((await projectedPosition(pool)) < head) await sleep(POLL_MS)
    // What the database would do by itself some minutes later, in the middle of what is measured.
    await pool.query('VACUUM (ANALYZE)')
    await pool.query('CHECKPOINT')
    const { rows } = await pool.query<{ bytes: string }>(
      'SELECT pg_database_size(current_database()) AS bytes',
    )
    return { events, bytes: Number(rows[0]?.bytes) }
  } finally {
    await ledger.close()
    await pool.end()
  }
}

/** Who writes and who acknowledges. Shared by all writers: each takes the next. */
function* allPairs(circles: number): Generator<readonly [UserId, UserId]> {
  for (let circle = 0; circle < circles; circle++) {
    for (let one = 0; one < PEOPLE_IN_A_CIRCLE; one++) {
      for (let other = 0; other < one; other++) {
        const pair = [memberOf(circle, one), memberOf(circle, other)] as const
        yield (one + other) % 2 === 0 ? pair : [pair[1], pair[0]]
      }
    }
  }
}

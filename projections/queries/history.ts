/** The messages of a conversation that one person may read, a page at a time, ascending. */
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import {
  MESSAGE_COLUMNS,
  type MessageRecord,
  type MessageRow,
  type OthersWatermarks,
  othersWatermarks,
  type Ticks,
  ticksOf,
  toMessage,
} from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface HistoryMessage extends MessageRecord {
  /** Of this person's own messages; null for others'. */
  readonly ticks: Ticks | null
}

/** At most one of the three; none gives the newest page. `around` is in the page, with as many before it as after, or more where the other side has fewer. */
export interface HistoryPage {
  readonly before?: Seq
  readonly after?: Seq
  readonly around?: Seq
  readonly limit: number
}

/**
 * Range by range of what the person may read, so that no page walks over messages from before their time. `before` and
 * `after` are exclusive.
 */
const pageStatement = (name: string, bound: string, order: 'ASC' | 'DESC'): Statement => ({
  name,
  text: `
    SELECT ${MESSAGE_COLUMNS}
    FROM (SELECT unnest(history) AS seqs FROM read.members WHERE conversation_id = $1 AND user_id = $2) readable
    CROSS JOIN LATERAL (
      SELECT * FROM read.messages x
      WHERE x.conversation_id = $1 AND ${bound}
        AND x.seq >= lower(readable.seqs) AND x.seq < coalesce(upper(readable.seqs), 2147483647)
      ORDER BY x.seq ${order} LIMIT $4
    ) m
    ORDER BY m.seq ${order} LIMIT $4`,
})

const HISTORY_BEFORE = pageStatement('history before a seq', 'x.seq < $3', 'DESC')
const HISTORY_AFTER = pageStatement('history after a seq', 'x.seq > $3', 'ASC')

const OTHERS: Statement = {
  name: 'watermarks of the others',
  text: `
    SELECT ${othersWatermarks('o', '$2')}
    FROM read.members o
    WHERE o.conversation_id = $1 AND o.user_id <> $2 AND o.left_seq IS NULL`,
}

const NEWEST = 2_147_483_647 as Seq

/** Empty for somebody who never was a member. */
export async function history(
  db: Database,
  conversationId: ConversationId,
  userId: UserId,
  page: HistoryPage,
): Promise<readonly HistoryMessage[]> {
  const messages = await pageOf(db, conversationId, userId, page)
  if (!messages.some(({ senderId }) => senderId === userId)) {
    return messages.map((message) => ({ ticks: null, ...message }))
  }
  const [others] = await ask<OthersWatermarks>(db, OTHERS, [conversationId, userId])
  return messages.map((message) => ({
    ticks: message.senderId === userId && others ? ticksOf(message.seq, others) : null,
    ...message,
  }))
}

async function pageOf(
  db: Database,
  conversationId: ConversationId,
  userId: UserId,
  { before, after, around, limit }: HistoryPage,
): Promise<readonly MessageRecord[]> {
  const read = async (statement: Statement, bound: number, count: number) =>
    (await ask<MessageRow>(db, statement, [conversationId, userId, bound, count])).map(toMessage)
  if (after !== undefined) return await read(HISTORY_AFTER, after, limit)
  if (around === undefined) return (await read(HISTORY_BEFORE, before ?? NEWEST, limit)).reverse()
  const [earlier, from] = await Promise.all([
    read(HISTORY_BEFORE, around, limit),
    read(HISTORY_AFTER, around - 1, limit),
  ])
  const half = Math.floor((limit - 1) / 2)
  const count = Math.min(earlier.length, Math.max(half, limit - from.length))
  return [...earlier.slice(0, count).reverse(), ...from.slice(0, limit - count)]
}

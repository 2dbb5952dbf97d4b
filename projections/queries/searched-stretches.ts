/** The stretches of messages that a person may read, newest first: where a search looks, and in which order; and how much of what was said that is. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position, records } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface SearchedStretch {
  readonly conversationId: ConversationId
  /** 0 for the first `stretch` messages, and so on. */
  readonly stretch: number
  /** How many of it may be read, at most. */
  readonly messages: number
  /** Every message of this stretch is newer: the end of the one before it, or the start of the conversation where that is not known. */
  readonly after: Position
  /** No message of this stretch is newer. */
  readonly newest: Position
}

export interface Searchable {
  readonly stretches: readonly SearchedStretch[]
  /** Every event up to here is counted among them. */
  readonly projected: Position
  /** Every message up to here can be found. */
  readonly indexed: Position
}

/**
 * One row for each conversation, as one text: half of what a search takes that finds nothing in a thousand of them, so that all else is
 * left to the caller. Nor is the multirange asked where it need not be: that is 5 µs each. Few people have conversations of several
 * stretches; the look-up of each end is forced, for the planner would rather read all messages of such a conversation.
 */
const conversations = (name: string, condition: string): Statement => ({
  name,
  text: `
    WITH mine AS MATERIALIZED (
      SELECT me.conversation_id, CASE me.joined_seq WHEN 0 THEN 1 ELSE lower(me.history) END AS first,
             least(c.last_seq, me.left_seq) AS last, least(c.last_message_position, me.left_position) AS newest,
             c.started_position AS started
      FROM read.members me JOIN read.conversations c USING (conversation_id)
      WHERE me.user_id = $1 AND c.last_message_position IS NOT NULL${condition}
    ), ends AS (
      SELECT mine.conversation_id, ending.seq, message.position
      FROM mine
      CROSS JOIN LATERAL generate_series((first + $2 - 1) / $2 * $2, last - 1, $2) AS ending (seq)
      CROSS JOIN LATERAL (
        SELECT position FROM read.messages said
        WHERE said.conversation_id = mine.conversation_id AND said.seq = ending.seq
        OFFSET 0
      ) message
      WHERE (first - 1) / $2 < (last - 1) / $2
    )
    SELECT (SELECT string_agg(conversation_id || ' ' || first || ' ' || last || ' ' || newest || ' ' || started, ' ') FROM mine) AS places,
           (SELECT string_agg(conversation_id || ' ' || seq || ' ' || position, ' ') FROM ends) AS ends,
           (SELECT coalesce(min(position), 0) FROM read.checkpoints) AS projected, (SELECT position FROM search.progress) AS indexed`,
})

const ALL = conversations('conversations to search', '')
const ONE = conversations('conversation to search', ' AND me.conversation_id = $3')

interface Row {
  readonly places: string | null
  readonly ends: string | null
  readonly projected: string
  readonly indexed: string | null
}

interface Conversation {
  readonly conversationId: ConversationId
  readonly first: number
  readonly last: number
  readonly newest: Position
  readonly started: Position
}

/**
 * The newest stretch of a conversation ends with its newest message, an older one with its own last. Where that is not there (its
 * event is parked) the conversation's newest stands for it: looked into sooner than it need be, and not left out.
 *
 * @param conversationId the only one to look into, or null for all.
 * @param size messages of a stretch.
 */
export async function searchedStretches(
  db: Database,
  userId: UserId,
  conversationId: ConversationId | null,
  size: number,
): Promise<Searchable> {
  const [row] = await (conversationId === null
    ? ask<Row>(db, ALL, [userId, size])
    : ask<Row>(db, ONE, [userId, size, conversationId]))
  // Whoever has joined since anything was said may read nothing yet.
  const listed = records(row?.places, 5, toConversation).filter(({ first, last }) => first <= last)
  /** Of stretches that have another one after them: there are few, of few conversations. */
  const ends = new Map(
    records(row?.ends, 3, (fields, at) => [
      `${fields[at]} ${fields[at + 1]}`,
      position(fields[at + 2] as string),
    ]),
  )
  const stretchOf = (seq: number): number => Math.floor((seq - 1) / size)

  const stretches: SearchedStretch[] = []
  for (const { conversationId, first, last, newest, started } of listed) {
    const latest = stretchOf(last)
    let after = started
    for (let stretch = stretchOf(first); stretch <= latest; stretch++) {
      const from = Math.max(first, stretch * size + 1)
      const to = Math.min(last, (stretch + 1) * size)
      const end = stretch < latest ? ends.get(`${conversationId} ${to}`) : undefined
      stretches.push({ conversationId, stretch, messages: to - from + 1, after, newest: end ?? newest })
      after = end ?? started
    }
  }
  return {
    stretches: stretches.sort(newestFirst),
    projected: position(row?.projected ?? '0'),
    indexed: position(row?.indexed ?? '0'),
  }
}

const toConversation = (fields: readonly string[], at: number): Conversation => ({
  conversationId: fields[at] as ConversationId,
  first: Number(fields[at + 1]),
  last: Number(fields[at + 2]),
  newest: position(fields[at + 3] as string),
  started: position(fields[at + 4] as string),
})

/** Of one conversation the later stretch first, also where an end is missing. */
const newestFirst = (a: SearchedStretch, b: SearchedStretch): number =>
  a.newest > b.newest ? -1 : a.newest < b.newest ? 1 : b.stretch - a.stretch

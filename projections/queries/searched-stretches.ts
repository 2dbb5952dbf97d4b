/** The stretches of messages that a person may read, newest first: where a search looks, and in which order. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import { position, records } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface SearchedStretch {
  readonly conversationId: ConversationId
  /** 0 for the first `stretch` messages, and so on. */
  readonly stretch: number
  /** How many of it may be read, at most. */
  readonly messages: number
  /** Every message of this stretch is newer: the end of the one before it, or the beginning where that is not known. */
  readonly after: Position
  /** No message of this stretch is newer. */
  readonly newest: Position
}

/**
 * One row for each conversation, as one text: half of what a search takes that finds nothing in a thousand of them, so that all else is
 * left to the caller. Nor is the multirange asked where it need not be: that is 5 µs each.
 */
const CONVERSATIONS: Statement = {
  name: 'conversations to search',
  text: `
    SELECT string_agg(
      me.conversation_id || ' ' || CASE me.joined_seq WHEN 0 THEN 1 ELSE lower(me.history) END || ' ' ||
      least(c.last_seq, me.left_seq) || ' ' || least(c.last_message_position, me.left_position), ' '
    ) AS places
    FROM read.members me JOIN read.conversations c USING (conversation_id)
    WHERE me.user_id = $1 AND ($2::uuid IS NULL OR me.conversation_id = $2)
      AND c.last_message_position IS NOT NULL`,
}

const ENDINGS: Statement = {
  name: 'ends of stretches',
  text: `
    SELECT string_agg(conversation_id || ' ' || seq || ' ' || position, ' ') AS places
    FROM unnest($1::uuid[], $2::int[]) AS ending (conversation_id, seq)
    JOIN read.messages USING (conversation_id, seq)`,
}

interface Places {
  readonly places: string | null
}

interface Conversation {
  readonly conversationId: ConversationId
  readonly first: number
  readonly last: number
  readonly newest: Position
}

/**
 * The newest stretch of a conversation ends with its newest message, an older one with its own last. Where that is not there (its
 * event is parked) the conversation's newest stands for it: looked into sooner than it need be, and not left out.
 *
 * @param size messages of a stretch.
 */
export async function searchedStretches(
  db: Database,
  userId: UserId,
  conversationId: ConversationId | null,
  size: number,
): Promise<readonly SearchedStretch[]> {
  const [row] = await ask<Places>(db, CONVERSATIONS, [userId, conversationId])
  // Whoever has joined since anything was said may read nothing yet.
  const conversations = records(row?.places, 4, toConversation).filter(({ first, last }) => first <= last)
  const stretchOf = (seq: number): number => Math.floor((seq - 1) / size)
  const isOfSeveral = ({ first, last }: Conversation) => stretchOf(first) < stretchOf(last)
  const endOf = await endsOfStretches(db, conversations.filter(isOfSeveral), size)

  const stretches: SearchedStretch[] = []
  for (const one of conversations) {
    const { conversationId, first, last } = one
    for (let stretch = stretchOf(first); stretch <= stretchOf(last); stretch++) {
      const from = Math.max(first, stretch * size + 1)
      const to = Math.min(last, (stretch + 1) * size)
      stretches.push({
        conversationId,
        stretch,
        messages: to - from + 1,
        after: endOf(one, stretch - 1) ?? BEGINNING,
        newest: (to < last ? endOf(one, stretch) : undefined) ?? one.newest,
      })
    }
  }
  return stretches.sort(newestFirst)
}

/** Few people have conversations of several stretches. Undefined: it is not there, or was not asked for. */
async function endsOfStretches(
  db: Database,
  conversations: readonly Conversation[],
  size: number,
): Promise<(one: Conversation, stretch: number) => Position | undefined> {
  const asked = conversations.flatMap(({ conversationId, first, last }) => {
    const ends: { readonly conversationId: ConversationId; readonly seq: number }[] = []
    for (let seq = Math.ceil(first / size) * size; seq < last; seq += size) ends.push({ conversationId, seq })
    return ends
  })
  if (asked.length === 0) return () => undefined
  const [row] = await ask<Places>(db, ENDINGS, [
    plain(asked, ({ conversationId }) => conversationId),
    numbers(asked, ({ seq }) => seq),
  ])
  const ends = new Map(
    records(row?.places, 3, ([conversationId, seq, where]) => [
      `${conversationId} ${seq}`,
      position(where as string),
    ]),
  )
  return ({ conversationId }, stretch) => ends.get(`${conversationId} ${(stretch + 1) * size}`)
}

const toConversation = ([conversationId, first, last, newest]: readonly string[]): Conversation => ({
  conversationId: conversationId as ConversationId,
  first: Number(first),
  last: Number(last),
  newest: position(newest as string),
})

/** Of one conversation the later stretch first, also where an end is missing. */
const newestFirst = (a: SearchedStretch, b: SearchedStretch): number =>
  a.newest > b.newest ? -1 : a.newest < b.newest ? 1 : b.stretch - a.stretch

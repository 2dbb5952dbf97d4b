/** The stretches of messages that a person may read, newest first: where a search looks, and in which order. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position, triples } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface SearchedStretch {
  readonly conversationId: ConversationId
  /** 0 for the first `stretch` messages, and so on. */
  readonly stretch: number
  /** No message of this stretch is newer. */
  readonly newest: Position
}

/**
 * The newest stretch of a conversation ends with its newest message, an older one with its own last. Few conversations have
 * older ones: to ask each of a thousand for its series took a sixth of the time. Where its last is not there (its event is parked) the
 * conversation's newest stands for it: looked into sooner than it need be, and not left out. Nor is the multirange asked where it need not be:
 * that is 5 µs each, and was most of the time.
 */
const STRETCHES: Statement = {
  name: 'stretches to search',
  text: `
    WITH mine AS MATERIALIZED (
      SELECT conversation_id, (first_seq - 1) / $3::int AS first, (last_seq - 1) / $3::int AS last, newest
      FROM (
        SELECT me.conversation_id,
               CASE me.joined_seq WHEN 0 THEN 1 ELSE lower(me.history) END AS first_seq,
               least(c.last_seq, coalesce(me.left_seq, c.last_seq)) AS last_seq,
               least(c.last_message_position, coalesce(me.left_position, c.last_message_position)) AS newest
        FROM read.members me JOIN read.conversations c USING (conversation_id)
        WHERE me.user_id = $1 AND ($2::uuid IS NULL OR me.conversation_id = $2)
      ) mine
      WHERE last_seq >= first_seq
    )
    SELECT string_agg(
      conversation_id || ' ' || stretch || ' ' || newest, ' ' ORDER BY newest DESC, conversation_id, stretch
    ) AS places
    FROM (
      SELECT conversation_id, last AS stretch, newest FROM mine
      UNION ALL
      SELECT conversation_id, stretch, coalesce((
        SELECT ending.position FROM read.messages ending
        WHERE ending.conversation_id = mine.conversation_id AND ending.seq = (stretch + 1) * $3::int
      ), newest)
      FROM mine CROSS JOIN LATERAL generate_series(first, last - 1) stretch
      WHERE first < last
    ) searched`,
}

/** @param size messages of a stretch. */
export async function searchedStretches(
  db: Database,
  userId: UserId,
  conversationId: ConversationId | null,
  size: number,
): Promise<readonly SearchedStretch[]> {
  const [row] = await ask<{ readonly places: string | null }>(db, STRETCHES, [userId, conversationId, size])
  return triples(row?.places, (conversationId, stretch, newest) => ({
    conversationId: conversationId as ConversationId,
    stretch: Number(stretch),
    newest: position(newest),
  }))
}

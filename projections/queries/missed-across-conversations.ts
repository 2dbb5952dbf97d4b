/** The messages that a device missed, of all its conversations, in the order in which they were recorded. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { firstMessageBehind } from './bisection.ts'
import { START_AFTER_SEQ } from './conversations-to-catch-up.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface MissedAcrossConversations {
  readonly userId: UserId
  /** Messages that were sent from this very device are left out: it has them. */
  readonly deviceId: DeviceId
  /** The device has kept everything up to here. */
  readonly kept: Position
  /** The head of the ledger when the device first connected. */
  readonly knownFrom: Position
  readonly limit: number
}

const FIRST_MISSED = firstMessageBehind({
  conversation: 'behind.conversation_id',
  position: '$3',
  low: 'behind.after_seq + 1',
  high: 'behind.last_seq + 1',
})

/**
 * Each conversation gives its first `limit`, and the earliest of all are taken: the cost of a page grows with the number of
 * conversations that have something, not with how much was missed in them.
 */
const MISSED_ACROSS_CONVERSATIONS: Statement = {
  name: 'messages missed across conversations',
  text: `
    WITH behind AS (
      SELECT me.conversation_id, me.history, ${START_AFTER_SEQ} AS after_seq,
             coalesce(me.left_seq, c.last_seq) AS last_seq
      FROM read.members me
      JOIN read.conversations c USING (conversation_id)
      LEFT JOIN read.device_watermarks d
        ON d.conversation_id = me.conversation_id AND d.user_id = me.user_id AND d.device_id = $2
      WHERE me.user_id = $1 AND c.last_message_position > $3
        AND coalesce(me.left_position, c.last_position) > $3
    )
    SELECT ${MESSAGE_COLUMNS}
    FROM behind
    CROSS JOIN LATERAL (SELECT ${FIRST_MISSED} AS seq) first_missed
    CROSS JOIN LATERAL unnest(behind.history) AS readable (seqs)
    CROSS JOIN LATERAL (
      SELECT * FROM read.messages x
      WHERE x.conversation_id = behind.conversation_id
        AND x.seq >= greatest(first_missed.seq, lower(readable.seqs))
        AND x.seq <= least(behind.last_seq, coalesce(upper(readable.seqs), 2147483647) - 1)
        AND NOT (x.sender_id = $1 AND x.device_id = $2)
      ORDER BY x.seq LIMIT $5
    ) m
    ORDER BY m.position LIMIT $5`,
}

export async function missedAcrossConversations(
  db: Database,
  { userId, deviceId, kept, knownFrom, limit }: MissedAcrossConversations,
): Promise<readonly MessageRecord[]> {
  const values = [userId, deviceId, kept, knownFrom, limit]
  return (await ask<MessageRow>(db, MISSED_ACROSS_CONVERSATIONS, values)).map(toMessage)
}

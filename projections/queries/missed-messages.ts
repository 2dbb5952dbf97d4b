/** The messages of one conversation that a device missed, a page at a time, ascending. */
import type { ConversationId, DeviceId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface MissedMessages {
  readonly conversationId: ConversationId
  readonly userId: UserId
  /** Messages that were sent from this very device are left out: it has them. */
  readonly deviceId: DeviceId
  /** Exclusive; the last seq of the page before, then. */
  readonly afterSeq: Seq
  /** The device has kept everything up to here. */
  readonly since: Position
  readonly limit: number
}

/**
 * Positions grow with seqs, so the first message behind `since` is found by bisection (20 look-ups in a million
 * messages). Walking there from `afterSeq` would take as long as the device's person has been sending without
 * acknowledging: nobody acknowledges their own messages.
 */
const MISSED_MESSAGES: Statement = {
  name: 'messages that a device missed',
  text: `
    WITH RECURSIVE bisection (low, high) AS (
      SELECT $4::int + 1, last_seq + 1 FROM read.conversations WHERE conversation_id = $1
      UNION ALL
      SELECT CASE WHEN probe.position > $5 THEN low ELSE (low + high) / 2 + 1 END,
             CASE WHEN probe.position > $5 THEN (low + high) / 2 ELSE high END
      FROM bisection CROSS JOIN LATERAL (
        SELECT position FROM read.messages
        WHERE conversation_id = $1 AND seq >= (low + high) / 2 ORDER BY seq LIMIT 1
      ) probe
      WHERE low < high
    )
    SELECT ${MESSAGE_COLUMNS}
    FROM (SELECT unnest(history) AS seqs FROM read.members WHERE conversation_id = $1 AND user_id = $2) readable
    CROSS JOIN LATERAL (
      SELECT * FROM read.messages x
      WHERE x.conversation_id = $1 AND x.seq >= (SELECT max(low) FROM bisection)
        AND x.seq >= lower(readable.seqs) AND x.seq < coalesce(upper(readable.seqs), 2147483647)
        AND NOT (x.sender_id = $2 AND x.device_id = $3)
      ORDER BY x.seq LIMIT $6
    ) m
    ORDER BY m.seq LIMIT $6`,
}

export async function missedMessages(
  db: Database,
  { conversationId, userId, deviceId, afterSeq, since, limit }: MissedMessages,
): Promise<readonly MessageRecord[]> {
  const values = [conversationId, userId, deviceId, afterSeq, since, limit]
  return (await ask<MessageRow>(db, MISSED_MESSAGES, values)).map(toMessage)
}

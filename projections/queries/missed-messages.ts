/** The messages of one conversation that a device missed, a page at a time, ascending. */
import type { ConversationId, DeviceId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { firstSeqBehind } from './bisection.ts'
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

const FIRST_MISSED = firstSeqBehind({
  conversation: '$1',
  position: '$5',
  low: '$4::int + 1',
  high: '(SELECT last_seq + 1 FROM read.conversations WHERE conversation_id = $1)',
})

const MISSED_MESSAGES: Statement = {
  name: 'messages that a device missed',
  text: `
    SELECT ${MESSAGE_COLUMNS}
    FROM (SELECT unnest(history) AS seqs FROM read.members WHERE conversation_id = $1 AND user_id = $2) readable
    CROSS JOIN LATERAL (
      SELECT * FROM read.messages x
      WHERE x.conversation_id = $1 AND x.seq >= ${FIRST_MISSED}
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

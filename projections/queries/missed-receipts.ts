/** The receipts that a device missed: watermarks as they stand now, not the steps they took. */
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { later, millis, position } from './columns.ts'
import { isShownReading } from './privacy.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface MissedReceipt {
  readonly conversationId: ConversationId
  readonly userId: UserId
  readonly kind: 'delivered' | 'read'
  readonly upTo: Seq
  readonly at: Millis
  readonly position: Position
}

/**
 * Of others: where a watermark covers at least one of this person's messages and that other was a member for one of them, also if they
 * have left since; not where they left before this person came (again). Of who has left that is not exact: a person who wrote before they came and
 * after they went, and nothing between, is told too.
 * Of this person themself: where another of their devices moved it.
 */
const MISSED_RECEIPTS: Statement = {
  name: 'receipts that a device missed',
  text: `
    SELECT missed.*, (
      SELECT at FROM read.messages WHERE conversation_id = missed."conversationId" AND seq = missed."upTo"
    ) AS sent_at FROM (
      SELECT o.conversation_id AS "conversationId", o.user_id AS "userId", moved.kind, moved.up_to AS "upTo", moved.at, moved.position
      FROM read.members me
      JOIN read.conversations c ON c.conversation_id = me.conversation_id AND c.last_position > $3
      JOIN read.members o ON o.conversation_id = me.conversation_id
        AND (o.left_seq IS NULL OR o.left_position > me.joined_position)
      CROSS JOIN LATERAL (VALUES
        ('delivered', o.delivered_seq, o.delivered_at, o.delivered_position, o.delivered_device_id),
        ('read', o.read_seq, o.read_at, o.read_position, o.read_device_id)
      ) moved (kind, up_to, at, position, device_id)
      WHERE me.user_id = $1 AND me.left_seq IS NULL AND moved.position > $3
        AND CASE WHEN o.user_id = $1 THEN moved.device_id <> $2
                 ELSE (moved.kind = 'delivered' OR ${isShownReading('o.user_id', '$1')})
                      AND me.first_sent_seq <= moved.up_to AND me.last_sent_seq > o.joined_seq END
      ORDER BY moved.position FETCH FIRST $4 ROWS WITH TIES
    ) missed
    ORDER BY position, "userId", kind`,
}

type Row = Omit<MissedReceipt, 'at' | 'position'> & {
  readonly at: string
  /** Of the last message that it covers. */
  readonly sent_at: string
  readonly position: string
}

/** @param limit the earliest so many, and whatever else happened where the last of them did. */
export async function missedReceipts(
  db: Database,
  userId: UserId,
  deviceId: DeviceId,
  since: Position,
  limit: number,
): Promise<readonly MissedReceipt[]> {
  const rows = await ask<Row>(db, MISSED_RECEIPTS, [userId, deviceId, since, limit])
  return rows.map(({ sent_at, ...row }) => ({
    ...row,
    // As it is told live (`toldAt`).
    at: later(millis(row.at), millis(sent_at)),
    position: position(row.position),
  }))
}

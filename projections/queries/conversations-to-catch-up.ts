/** Where a device that comes back has something to catch up on. */
import type { ConversationId, DeviceId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { firstMessageBehind, firstSeqBehind } from './bisection.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface ConversationToCatchUp {
  readonly conversationId: ConversationId
  /** What its person may read of what the device has neither kept nor acknowledged, ascending; what it sent itself is among it. */
  readonly missed: readonly Stretch[]
  /** The last one that concerns this person: of the conversation, or of their membership if they have left. */
  readonly lastSeq: Seq
  /** When a message was last deleted here; null: never. */
  readonly deletedUpTo: Position | null
}

/** Both inclusive. */
export interface Stretch {
  readonly from: Seq
  readonly to: Seq
}

/** Of device `w`, which has acknowledged something later: the receipts that were recorded up to position $4. */
const ACKNOWLEDGED_THEN = `${firstSeqBehind({
  rows: `read.receipts x WHERE x.conversation_id = w.conversation_id AND x.user_id = w.user_id AND x.device_id = w.device_id
         AND x.kind = 'delivered'`,
  seq: 'to_seq',
  position: '$4',
  low: '1',
  high: 'w.delivered_seq',
})} - 1`

const KNOWN = `(
  SELECT coalesce(max(CASE WHEN w.delivered_position <= $4 THEN w.delivered_seq ELSE ${ACKNOWLEDGED_THEN} END), 0)
  FROM read.device_watermarks w
  WHERE w.conversation_id = me.conversation_id AND w.user_id = me.user_id
)`

/**
 * What device $2 has acknowledged as delivered. Where it never did: what its person had on any device when this one was first known,
 * at position $4. What came later is its to get too, and what another acknowledges meanwhile changes nothing: it is the same on every page
 * and at every return. Of `me` (a row of members, of person $1), where the device has the watermark `d`. It may lie before the person's
 * joining: who was there before has what was said then to come too, and `history` tells what of all that is theirs.
 */
export const START_AFTER_SEQ = `coalesce(d.delivered_seq, ${KNOWN})`

const FIRST_MISSED = firstMessageBehind({
  conversation: 'behind.conversation_id',
  position: '$3',
  low: 'behind.after_seq + 1',
  high: 'behind.last_seq + 1',
})

/**
 * Quiet conversations cost one index look-up each, and no row of the answer; those without a new message no bisection.
 * Without OFFSET 0 the bisection would be done for each mention of its result.
 */
const CONVERSATIONS_TO_CATCH_UP: Statement = {
  name: 'conversations to catch up on',
  text: `
    WITH behind AS MATERIALIZED (
      SELECT me.conversation_id, me.history, ${START_AFTER_SEQ} AS after_seq,
             coalesce(me.left_seq, c.last_seq) AS last_seq, c.last_message_position, c.last_position
      FROM read.members me
      JOIN read.conversations c USING (conversation_id)
      LEFT JOIN read.device_watermarks d
        ON d.conversation_id = me.conversation_id AND d.user_id = me.user_id AND d.device_id = $2
      WHERE me.user_id = $1 AND c.last_position > $3 AND coalesce(me.left_position, c.last_position) > $3
    )
    SELECT behind.conversation_id AS "conversationId", behind.last_seq AS "lastSeq", coalesce(missed.stretches, '[]') AS missed,
           (SELECT max(x.deleted_position) FROM read.messages x
            WHERE x.conversation_id = behind.conversation_id AND x.deleted_position IS NOT NULL) AS deleted_up_to
    FROM behind
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('from', lower(readable.seqs), 'to', upper(readable.seqs) - 1) ORDER BY lower(readable.seqs)) AS stretches
      FROM (SELECT ${FIRST_MISSED} AS seq WHERE behind.last_message_position > $3 OFFSET 0) first
      CROSS JOIN LATERAL unnest(
        behind.history * int4multirange(int4range(first.seq, greatest(first.seq, behind.last_seq + 1)))
      ) AS readable (seqs)
    ) missed ON true
    ORDER BY behind.last_position`,
}

type Row = Omit<ConversationToCatchUp, 'deletedUpTo'> & { readonly deleted_up_to: string | null }

/**
 * Those in which anything happened after `kept` (a message, a receipt, a change), least recently moved first. `knownFrom` is
 * the head of the ledger when the device first connected.
 */
export async function conversationsToCatchUp(
  db: Database,
  userId: UserId,
  deviceId: DeviceId,
  { kept, knownFrom }: { readonly kept: Position; readonly knownFrom: Position },
): Promise<readonly ConversationToCatchUp[]> {
  const rows = await ask<Row>(db, CONVERSATIONS_TO_CATCH_UP, [userId, deviceId, kept, knownFrom])
  return rows.map(({ deleted_up_to, ...row }) => ({
    deletedUpTo: deleted_up_to === null ? null : position(deleted_up_to),
    ...row,
  }))
}

/** Where a device that comes back has something to catch up on. */
import type { ConversationId, DeviceId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { firstSeqBehind } from './bisection.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface ConversationToCatchUp {
  readonly conversationId: ConversationId
  /**
   * What this device has acknowledged as delivered here. Where it never did: what its person has on any device, but no more
   * than there was when this device was first known, for what came later is its to get too.
   */
  readonly startAfterSeq: Seq
  /** The last one that concerns this person: of the conversation, or of their membership if they have left. */
  readonly lastSeq: Seq
}

const KNOWN = `${firstSeqBehind({
  conversation: 'me.conversation_id',
  position: '$4',
  low: 'me.joined_seq + 1',
  high: 'me.delivered_seq + 1',
})} - 1`

/** Of `me` (a row of members, of person $1), where device $2, known since position $4, has the watermark `d`. */
export const START_AFTER_SEQ = `greatest(coalesce(d.delivered_seq, ${KNOWN}), me.joined_seq)`

/** Quiet conversations cost one index look-up each, and no row of the answer. */
const CONVERSATIONS_TO_CATCH_UP: Statement = {
  name: 'conversations to catch up on',
  text: `
    SELECT me.conversation_id AS "conversationId",
           ${START_AFTER_SEQ} AS "startAfterSeq",
           coalesce(me.left_seq, c.last_seq) AS "lastSeq"
    FROM read.members me
    JOIN read.conversations c USING (conversation_id)
    LEFT JOIN read.device_watermarks d
      ON d.conversation_id = me.conversation_id AND d.user_id = me.user_id AND d.device_id = $2
    WHERE me.user_id = $1 AND c.last_position > $3 AND coalesce(me.left_position, c.last_position) > $3
    ORDER BY c.last_position`,
}

/**
 * Those in which anything happened after `kept` (a message, a receipt, a change), least recently moved first. `knownFrom` is
 * the head of the ledger when the device first connected.
 */
export function conversationsToCatchUp(
  db: Database,
  userId: UserId,
  deviceId: DeviceId,
  { kept, knownFrom }: { readonly kept: Position; readonly knownFrom: Position },
): Promise<readonly ConversationToCatchUp[]> {
  return ask<ConversationToCatchUp>(db, CONVERSATIONS_TO_CATCH_UP, [userId, deviceId, kept, knownFrom])
}

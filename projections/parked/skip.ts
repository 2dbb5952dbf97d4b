/** Leaves one event out of the read models, for a reason that is kept. The ledger keeps the event. */
import type pg from 'pg'
import { HOLD_OFF_SWAP } from './retry.ts'

const LOCK = 'SELECT 1 FROM read.parked_conversations WHERE conversation_id = $1 FOR UPDATE'

/** The event that the conversation is parked for. Rebuilds leave it out, too. */
const SKIP = `
  WITH first AS (
    DELETE FROM read.parked_events e USING read.parked_conversations p
    WHERE p.conversation_id = $1 AND e.conversation_id = p.conversation_id AND e.position = p.position
    RETURNING e.position, e.conversation_id, e.stream, e.revision, e.type
  )
  INSERT INTO read.skipped_events (position, conversation_id, stream, revision, type, reason)
  SELECT position, conversation_id, stream, revision, type, $2 FROM first
  RETURNING position, type`

/** The next event is where a retry begins. */
const MOVE_ON = `
  UPDATE read.parked_conversations SET position = next.position, reason = 'not tried: the event before it was skipped'
  FROM (SELECT min(position) AS position FROM read.parked_events WHERE conversation_id = $1) next
  WHERE conversation_id = $1 AND next.position IS NOT NULL`

const FREE = `
  DELETE FROM read.parked_conversations
  WHERE conversation_id = $1 AND NOT EXISTS (SELECT FROM read.parked_events WHERE conversation_id = $1)`

export type SkipOutcome =
  /** `waiting`: later events of the conversation stay parked until they are retried. */
  | { readonly kind: 'skipped'; readonly position: bigint; readonly type: string; readonly waiting: boolean }
  | { readonly kind: 'not-parked' }

export async function skipParked(
  pool: pg.Pool,
  conversationId: string,
  reason: string,
): Promise<SkipOutcome> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(HOLD_OFF_SWAP)
    await client.query(LOCK, [conversationId])
    const { rows } = await client.query<{ position: string; type: string }>(SKIP, [conversationId, reason])
    await client.query(MOVE_ON, [conversationId])
    const { rowCount: freed } = await client.query(FREE, [conversationId])
    await client.query('COMMIT')
    const [skipped] = rows
    if (!skipped) return { kind: 'not-parked' }
    return { kind: 'skipped', position: BigInt(skipped.position), type: skipped.type, waiting: freed === 0 }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

/**
 * Leaves one event out of the read models, for a reason that is kept. The ledger keeps the event. It may be one that only a
 * rebuild could not apply: the read models in use stay as they are then, and every rebuild leaves it out.
 */
import type pg from 'pg'
import { findReadModel } from '../schema.ts'
import { HOLD_OFF_SWAP } from './retry.ts'

/** Where a conversation can be parked. */
type Build = 'read' | 'read_next'

const lock = (build: Build) =>
  `SELECT 1 FROM ${build}.parked_conversations WHERE conversation_id = $1 FOR UPDATE`

/** The event that the conversation is parked for. */
const unparkFirst = (build: Build) => `
  DELETE FROM ${build}.parked_events e USING ${build}.parked_conversations p
  WHERE p.conversation_id = $1 AND e.conversation_id = p.conversation_id AND e.position = p.position
  RETURNING e.position, e.conversation_id, e.stream, e.revision, e.type`

/** In `read`, rebuilds find it; in the build that goes on, it stays where it will be `read`. */
const note = (build: Build) => `
  INSERT INTO ${build}.skipped_events (position, conversation_id, stream, revision, type, reason)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`

/** The next event is where a retry begins. */
const moveOn = (build: Build) => `
  UPDATE ${build}.parked_conversations SET position = next.position, reason = 'not tried: the event before it was skipped'
  FROM (SELECT min(position) AS position FROM ${build}.parked_events WHERE conversation_id = $1) next
  WHERE conversation_id = $1 AND next.position IS NOT NULL`

const free = (build: Build) => `
  DELETE FROM ${build}.parked_conversations
  WHERE conversation_id = $1 AND NOT EXISTS (SELECT FROM ${build}.parked_events WHERE conversation_id = $1)`

export type SkipOutcome =
  | {
      readonly kind: 'skipped'
      /** `read_next`: of a rebuild, which is to be run again. */
      readonly build: Build
      readonly position: bigint
      readonly type: string
      /** Later events of the conversation stay parked: until they are retried, or until the rebuild is run again. */
      readonly waiting: boolean
    }
  | { readonly kind: 'not-parked' }

interface FirstParked {
  readonly position: string
  readonly conversation_id: string
  readonly stream: string
  readonly revision: number
  readonly type: string
}

export async function skipParked(
  pool: pg.Pool,
  conversationId: string,
  reason: string,
): Promise<SkipOutcome> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(HOLD_OFF_SWAP)
    let outcome: SkipOutcome = await skipIn('read', client, conversationId, reason)
    if (outcome.kind === 'not-parked' && (await findReadModel(client, 'read_next'))) {
      outcome = await skipIn('read_next', client, conversationId, reason)
    }
    await client.query('COMMIT')
    client.release()
    return outcome
  } catch (error) {
    // Closed, and what was begun with it: one that does not answer would be the next one's.
    client.release(true)
    throw error
  }
}

async function skipIn(
  build: Build,
  client: pg.ClientBase,
  conversationId: string,
  reason: string,
): Promise<SkipOutcome> {
  await client.query(lock(build), [conversationId])
  const { rows } = await client.query<FirstParked>(unparkFirst(build), [conversationId])
  const [first] = rows
  if (!first) return { kind: 'not-parked' }
  const { position, type } = first
  const values = [position, first.conversation_id, first.stream, first.revision, type, reason]
  for (const noted of new Set<Build>(['read', build])) await client.query(note(noted), values)
  await client.query(moveOn(build), [conversationId])
  const { rowCount: freed } = await client.query(free(build), [conversationId])
  return { kind: 'skipped', build, position: BigInt(position), type, waiting: freed === 0 }
}

/**
 * Finds the temporary bodies that are due and destroys them, in Postgres. A destroyed body's row stays, empty, until the ledger
 * says that it is gone. Any number of processes may do this at once, and any of them may die anywhere: each statement stands alone.
 */
import type { ConversationId, MessageId, Millis, Seq } from '../../domain/ids.ts'
import type { ExpiryReason } from '../../domain/retention.ts'
import type { Position } from '../../ledger/ledger.ts'
import { ask, type Database, type Statement } from '../../projections/queries/statement.ts'
import { DELIVERED_TO_ALL, furthestBehind, PROJECTED } from '../../projections/queries/temporary-bodies.ts'

/** The newest of what there is to record; see `GONE`. */
export interface GoneBody {
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly messageId: MessageId
  readonly hash: string
  readonly reason: ExpiryReason
  /** False: it was no message's, or its message was deleted before. */
  readonly recordable: boolean
}

/** By both clocks, the worker's and Postgres': one of them being ahead destroys nothing early. */
const OVERDUE: Statement = {
  name: 'retention: destroy what is past its time',
  text: `
    UPDATE ledger.temporary_bodies b
    SET sealed = NULL, gone = CASE WHEN b.until_delivered THEN 'undelivered' ELSE 'ttl' END
    FROM (SELECT conversation_id, message_id, body_hash FROM ledger.temporary_bodies
          WHERE gone IS NULL AND expires_at <= least($1, (extract(epoch FROM now()) * 1000)::bigint)
          ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) due
    WHERE (b.conversation_id, b.message_id, b.body_hash) = (due.conversation_id, due.message_id, due.body_hash)
    RETURNING b.gone`,
}

/**
 * The conversations in which a body waits for delivery and something has happened since. One step of the index for each
 * conversation, however many bodies it has.
 */
const MOVED: Statement = {
  name: 'retention: conversations that wait for delivery and have moved',
  text: `
    WITH RECURSIVE waiting (conversation_id) AS (
      (SELECT b.conversation_id FROM ledger.temporary_bodies b
       WHERE b.until_delivered AND b.gone IS NULL ORDER BY b.conversation_id LIMIT 1)
      UNION ALL
      SELECT (SELECT b.conversation_id FROM ledger.temporary_bodies b
              WHERE b.until_delivered AND b.gone IS NULL AND b.conversation_id > w.conversation_id
              ORDER BY b.conversation_id LIMIT 1)
      FROM waiting w WHERE w.conversation_id IS NOT NULL
    )
    SELECT c.conversation_id AS "conversationId" FROM waiting w JOIN read.conversations c USING (conversation_id)
    WHERE c.last_position > $1`,
}

/** Of the row `f` of `furthestBehind`; in the order of an index, so that reading ends with the page. */
const waiting = (range: string): string => `
  SELECT b.ctid AS body FROM ledger.temporary_bodies b
  WHERE b.conversation_id = f.conversation_id AND b.until_delivered AND b.gone IS NULL AND ${range} AND ${PROJECTED}
  ORDER BY b.seq LIMIT $2`

/**
 * A page of what everybody has. The ends of each range come from one walk over the members of its conversation, and what goes on
 * waiting is not looked at: with 100,000 bodies that wait for one of 1,000 members a round takes 0.5 to 3 ms, where a walk over the
 * members for each body took 25 to 37 s; a full page takes 14 to 26 ms (2 cores, PostgreSQL 18).
 *
 * By `ctid`, which leaves the planner no choice: the table fills and empties, and its statistics may be of any time. It also has
 * processes that destroy the same bodies lock them in one order. `due` counts those of the others too, which may yet die.
 */
const DELIVERED: Statement = {
  name: 'retention: destroy what everybody has',
  text: `
    WITH behind AS MATERIALIZED (
      SELECT c.conversation_id, f.* FROM unnest($1::uuid[]) AS c (conversation_id)
      CROSS JOIN LATERAL (${furthestBehind('c.conversation_id')}) f
    ), due AS MATERIALIZED (
      SELECT d.body FROM behind f CROSS JOIN LATERAL (
        (${waiting(DELIVERED_TO_ALL.whoeverSent)}) UNION ALL (${waiting(DELIVERED_TO_ALL.sentByTheLast)})
      ) d LIMIT $2
    ), destroyed AS (
      UPDATE ledger.temporary_bodies b SET sealed = NULL, gone = 'delivered'
      WHERE b.ctid = ANY (ARRAY(SELECT body FROM due)) AND b.gone IS NULL
      RETURNING 1
    )
    SELECT (SELECT count(*)::int FROM due) AS due, (SELECT count(*)::int FROM destroyed) AS destroyed`,
}

/**
 * Of the row `b`, which is at no message's place: nothing will come of it. Whatever was appended within an hour of its sealing
 * would be in the read models by now, and an append is given up after seconds.
 */
const NOBODYS = `
  b.kept_at < (SELECT caught_up_at FROM read.model) - interval '1 hour'
  AND NOT EXISTS (SELECT FROM read.parked_conversations p WHERE p.conversation_id = b.conversation_id::text)`

/** A body whose message is not in the read models yet waits until it is. */
const GONE: Statement = {
  name: 'retention: what is destroyed and not recorded',
  text: `
    SELECT b.conversation_id AS "conversationId", b.seq, encode(b.message_id, 'hex') AS "messageId",
      encode(b.body_hash, 'hex') AS hash, b.gone AS reason,
      coalesce(m.body_hash = b.body_hash AND m.deleted_at IS NULL, false) AS recordable
    FROM ledger.temporary_bodies b
    LEFT JOIN read.messages m ON m.conversation_id = b.conversation_id AND m.seq = b.seq
    WHERE b.gone IS NOT NULL AND b.conversation_id <> ALL ($2::uuid[]) AND (m.seq IS NOT NULL OR ${NOBODYS})
    ORDER BY b.kept_at LIMIT $1`,
}

/** With whatever else was sealed for the same message. */
const FORGET_MESSAGES: Statement = {
  name: 'retention: forget messages whose expiry is recorded',
  text: `
    DELETE FROM ledger.temporary_bodies b USING unnest($1::uuid[], $2::text[]) AS gone (conversation_id, message_id)
    WHERE b.conversation_id = gone.conversation_id AND b.message_id = decode(gone.message_id, 'hex')`,
}

const FORGET_SEALINGS: Statement = {
  name: 'retention: forget sealings of no message',
  text: `
    DELETE FROM ledger.temporary_bodies b
    USING unnest($1::uuid[], $2::text[], $3::text[]) AS gone (conversation_id, message_id, hash)
    WHERE b.conversation_id = gone.conversation_id AND b.message_id = decode(gone.message_id, 'hex')
      AND b.body_hash = decode(gone.hash, 'hex')`,
}

/** A page of all that is kept: removes what another message took the place of, what was deleted, and what is nobody's. */
const SWEEP: Statement = {
  name: 'retention: sweep',
  text: `
    WITH page AS MATERIALIZED (
      SELECT * FROM ledger.temporary_bodies
      WHERE gone IS NULL AND (conversation_id, message_id, body_hash) > ($1::uuid, $2::bytea, $3::bytea)
      ORDER BY conversation_id, message_id, body_hash LIMIT $4
    ), removed AS (
      DELETE FROM ledger.temporary_bodies x USING page b
      LEFT JOIN read.messages m ON m.conversation_id = b.conversation_id AND m.seq = b.seq
      WHERE (x.conversation_id, x.message_id, x.body_hash) = (b.conversation_id, b.message_id, b.body_hash)
        AND (m.body_hash <> b.body_hash OR m.deleted_at IS NOT NULL OR (m.seq IS NULL AND ${NOBODYS}))
      RETURNING 1
    )
    SELECT conversation_id, message_id, body_hash, (SELECT count(*)::int FROM removed) AS removed
    FROM page ORDER BY conversation_id DESC, message_id DESC, body_hash DESC LIMIT 1`,
}

interface SweepRow {
  readonly conversation_id: string
  readonly message_id: Buffer
  readonly body_hash: Buffer
  readonly removed: number
}

/** Why each of them was destroyed. */
type Destroyed = readonly ExpiryReason[]

const reasonsOf = (rows: readonly { readonly gone: ExpiryReason }[]): Destroyed =>
  rows.map(({ gone }) => gone)

/** At most `limit`, those that have been due for longest. Needs no read models. */
export async function destroyOverdue(db: Database, now: Millis, limit: number): Promise<Destroyed> {
  return reasonsOf(await ask(db, OVERDUE, [now, limit]))
}

/** Where to look for what is delivered: wherever a body waits and something has happened after `since`. */
export async function movedSince(db: Database, since: Position): Promise<readonly ConversationId[]> {
  const moved = await ask<{ readonly conversationId: ConversationId }>(db, MOVED, [since])
  return moved.map(({ conversationId }) => conversationId)
}

/** At most `limit`. `full`: there may be more, also where another process destroyed some of them first. */
export async function destroyDelivered(
  db: Database,
  among: readonly ConversationId[],
  limit: number,
): Promise<{ readonly destroyed: Destroyed; readonly full: boolean }> {
  const [page] = await ask<{ readonly due: number; readonly destroyed: number }>(db, DELIVERED, [
    among,
    limit,
  ])
  return {
    destroyed: Array.from({ length: page?.destroyed ?? 0 }, () => 'delivered'),
    full: page?.due === limit,
  }
}

export const goneBodies = (
  db: Database,
  limit: number,
  except: readonly ConversationId[],
): Promise<readonly GoneBody[]> => ask<GoneBody>(db, GONE, [limit, except])

/** To be called when the ledger says of the recordable ones that they are gone. */
export async function forget(db: Database, bodies: readonly GoneBody[]): Promise<void> {
  const messages = bodies.filter(({ recordable }) => recordable)
  const sealings = bodies.filter(({ recordable }) => !recordable)
  if (messages.length > 0) {
    await ask(db, FORGET_MESSAGES, [
      messages.map(({ conversationId }) => conversationId),
      messages.map(({ messageId }) => messageId),
    ])
  }
  if (sealings.length > 0) {
    await ask(db, FORGET_SEALINGS, [
      sealings.map(({ conversationId }) => conversationId),
      sealings.map(({ messageId }) => messageId),
      sealings.map(({ hash }) => hash),
    ])
  }
}

/** Goes through everything that is kept; answers how many rows were removed. */
export async function sweep(db: Database, page: number, signal: AbortSignal): Promise<number> {
  let removed = 0
  let after: readonly unknown[] = ['00000000-0000-0000-0000-000000000000', Buffer.of(), Buffer.of()]
  while (!signal.aborted) {
    const [last] = await ask<SweepRow>(db, SWEEP, [...after, page])
    if (!last) break
    removed += last.removed
    after = [last.conversation_id, last.message_id, last.body_hash]
  }
  return removed
}

/** What was destroyed is dead, not overwritten: this gives its space free, and the end of the file back. */
export async function vacuum(db: Database): Promise<void> {
  await db.query('VACUUM (SKIP_LOCKED) ledger.temporary_bodies')
}

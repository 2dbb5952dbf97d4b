/** What the search index proposes for some stretches, newest first, of what a person may read; deleted or not. */
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position, triples } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

/** Exclusive on both sides. */
export interface Between {
  readonly above: Position
  readonly below: Position
}

/** Where a message is that may match. */
export interface Candidate {
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly position: Position
}

/**
 * First what the index finds, newest first, then of each whether it may be read until there are enough. The order is forced: of an
 * array of unknown length the planner expects little, and would ask the index again for each conversation of the person;
 * of an array that it knows it expects so much that it read all messages instead (165 s for 1,026 queries over a million).
 */
const CANDIDATES: Statement = {
  name: 'search candidates',
  text: `
    WITH indexed AS MATERIALIZED (
      SELECT conversation_id, seq, position
      FROM unnest($1::tsquery[]) query
      CROSS JOIN LATERAL (
        SELECT conversation_id, seq, position FROM search.messages WHERE lexemes @@ query
      ) proposed
      WHERE position > $3 AND position < $4
    )
    SELECT string_agg(conversation_id || ' ' || seq || ' ' || position, ' ' ORDER BY position DESC) AS places
    FROM (
      SELECT indexed.conversation_id, indexed.seq, indexed.position
      FROM (SELECT * FROM indexed ORDER BY position DESC OFFSET 0) indexed
      CROSS JOIN LATERAL (
        SELECT FROM read.members me
        WHERE me.conversation_id = indexed.conversation_id AND me.user_id = $2 AND indexed.seq <@ me.history
        OFFSET 0
      ) readable
      ORDER BY indexed.position DESC
      LIMIT $5
    ) found`,
}

/** Stretches that one scan of the index looks into: of a rare word in 1,098 in all, one each took 32 ms, 8 took 8, 32 took 16. */
const TOGETHER = 8

/** @param queries one for each stretch to look into (`ledger/sealing/blind-lexemes.ts`). */
export async function searchCandidates(
  db: Database,
  queries: readonly string[],
  userId: UserId,
  { above, below }: Between,
  limit: number,
): Promise<readonly Candidate[]> {
  const scans: string[] = []
  for (let from = 0; from < queries.length; from += TOGETHER) {
    scans.push(`(${queries.slice(from, from + TOGETHER).join(')|(')})`)
  }
  const [row] = await ask<{ readonly places: string | null }>(db, CANDIDATES, [
    scans,
    userId,
    above,
    below,
    limit,
  ])
  return triples(row?.places, (conversationId, seq, where) => ({
    conversationId: conversationId as ConversationId,
    seq: Number(seq) as Seq,
    position: position(where),
  }))
}

const INDEXED_POSITION: Statement = {
  name: 'indexed position',
  text: 'SELECT position FROM search.progress',
}

/** Every message up to here can be found. */
export async function indexedPosition(db: Database): Promise<Position> {
  const [row] = await ask<{ position: string }>(db, INDEXED_POSITION)
  return position(row?.position ?? '0')
}

/** Where messages are that may match a query, newest first, of what a person may read; deleted or not. */
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { plain } from '../../runtime/array-literals.ts'
import { position, records } from './columns.ts'
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

/** Of the places `found` those that the user `$1` may read, as one text, the `$2` newest. Their order is forced: of each it is asked until there are enough. */
export const READABLE_PLACES = `
    SELECT string_agg(conversation_id || ' ' || seq || ' ' || position, ' ' ORDER BY position DESC)
    FROM (
      SELECT found.conversation_id, found.seq, found.position
      FROM (SELECT * FROM found ORDER BY position DESC OFFSET 0) found
      CROSS JOIN LATERAL (
        SELECT FROM read.members me
        WHERE me.conversation_id = found.conversation_id AND me.user_id = $1 AND found.seq <@ me.history
        OFFSET 0
      ) readable
      ORDER BY found.position DESC
      LIMIT $2
    ) newest`

/**
 * First what the index finds, newest first, then of each whether it may be read until there are enough. The order is forced: of an
 * array of unknown length the planner expects little, and would ask the index again for each conversation of the person;
 * of an array that it knows it expects so much that it read all messages instead (165 s for 1,026 queries over a million), and of two
 * positions so little that it looked for them first.
 */
const INDEXED: Statement = {
  name: 'search candidates',
  text: `
    WITH found AS MATERIALIZED (
      SELECT conversation_id, seq, position
      FROM unnest($3::tsquery[]) query
      CROSS JOIN LATERAL (
        SELECT conversation_id, seq, position FROM search.messages WHERE lexemes @@ query OFFSET 0
      ) proposed
      WHERE position > $4 AND position < $5
    )
    SELECT (SELECT count(*)::int FROM found) AS matches, (${READABLE_PLACES}) AS places`,
}

/**
 * Stretches that one scan of the index looks into. Of two phrases in 549 stretches one each took 16 and 40 ms, 2 took 16 and 48, 4 took 20 and 56,
 * 8 took 29 and 88, for all words of a scan are held against each row that has any of them; of single words one each took 6.6 ms, 2 to 16
 * took 5.5 to 6.1.
 */
const TOGETHER = 2

export interface Found {
  /** How many match, readable or not. */
  readonly matches: number
  /** The newest of them that may be read, newest first. */
  readonly candidates: readonly Candidate[]
}

/** @param queries one for each stretch to look into (`ledger/sealing/blind-lexemes.ts`). */
export async function searchCandidates(
  db: Database,
  queries: readonly string[],
  userId: UserId,
  { above, below }: Between,
  limit: number,
): Promise<Found> {
  const scans: string[] = []
  for (let from = 0; from < queries.length; from += TOGETHER) {
    scans.push(`(${queries.slice(from, from + TOGETHER).join(')|(')})`)
  }
  const values = [userId, limit, plain(scans, (scan) => scan), above, below]
  const [row] = await ask<Places & { matches: number }>(db, INDEXED, values)
  return { matches: row?.matches ?? 0, candidates: candidatesOf(row) }
}

export interface Places {
  readonly places: string | null
}

export const candidatesOf = (row: Places | undefined): Candidate[] =>
  records(row?.places, 3, (fields, at) => ({
    conversationId: fields[at] as ConversationId,
    seq: Number(fields[at + 1]) as Seq,
    position: position(fields[at + 2] as string),
  }))

const INDEXED_POSITION: Statement = {
  name: 'indexed position',
  text: 'SELECT position FROM search.progress',
}

/** Every message up to here can be found. */
export async function indexedPosition(db: Database): Promise<Position> {
  const [row] = await ask<{ position: string }>(db, INDEXED_POSITION)
  return position(row?.position ?? '0')
}

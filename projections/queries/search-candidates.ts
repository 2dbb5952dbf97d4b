/** What the search index proposes for some stretches, newest first, of what a person may read; deleted or not. */
import type { UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

/** Exclusive on both sides. */
export interface Between {
  readonly above: Position
  readonly below: Position
}

/** The limit comes before bodies are fetched: they are the larger part. */
const CANDIDATES: Statement = {
  name: 'search candidates',
  text: `
    SELECT ${MESSAGE_COLUMNS}
    FROM (
      SELECT indexed.conversation_id, indexed.seq
      FROM search.messages indexed
      JOIN read.members me ON me.conversation_id = indexed.conversation_id AND me.user_id = $2
      WHERE indexed.lexemes @@ ANY ($1::tsquery[]) AND indexed.seq <@ me.history
        AND indexed.position > $3 AND indexed.position < $4
      ORDER BY indexed.position DESC
      LIMIT $5
    ) found
    JOIN read.messages m USING (conversation_id, seq)
    ORDER BY m.position DESC`,
}

/** @param queries one for each stretch to look into (`ledger/sealing/blind-lexemes.ts`). */
export async function searchCandidates(
  db: Database,
  queries: readonly string[],
  userId: UserId,
  { above, below }: Between,
  limit: number,
): Promise<readonly MessageRecord[]> {
  const rows = await ask<MessageRow>(db, CANDIDATES, [queries, userId, above, below, limit])
  return rows.map(toMessage)
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

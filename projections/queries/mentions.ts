/** The messages that mention a person, newest first, as far as that person may read them. */
import type { UserId } from '../../domain/ids.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MENTIONS: Statement = {
  name: 'mentions of a person',
  text: `
    SELECT ${MESSAGE_COLUMNS}
    FROM search.mentions mention
    JOIN read.members me ON me.conversation_id = mention.conversation_id AND me.user_id = mention.user_id
      AND mention.seq <@ me.history
    JOIN read.messages m ON m.conversation_id = mention.conversation_id AND m.seq = mention.seq
    WHERE mention.user_id = $1 AND mention.position < $2 AND m.deleted_at IS NULL
    ORDER BY mention.position DESC
    LIMIT $3`,
}

const NEWEST = 2n ** 63n - 1n

/** @param before positions below this only; all when undefined. */
export async function mentionsOf(
  db: Database,
  userId: UserId,
  { before, limit }: { readonly before: bigint | undefined; readonly limit: number },
): Promise<readonly MessageRecord[]> {
  return (await ask<MessageRow>(db, MENTIONS, [userId, before ?? NEWEST, limit])).map(toMessage)
}

/**
 * The beginning of a stretch of one conversation's messages, ascending, the same for everybody: who may read them, the caller knows.
 * As long as its bodies allow: 200 messages may be a few kB or 12 MB.
 */
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MESSAGES_BETWEEN: Statement = {
  name: 'messages between two of a conversation',
  text: `
    SELECT ${MESSAGE_COLUMNS} FROM (
      SELECT x.*, sum(octet_length(x.body)) OVER (ORDER BY x.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
      FROM read.messages x
      WHERE x.conversation_id = $1 AND x.seq BETWEEN $2 AND $3
    ) m
    WHERE coalesce(m.bytes_before, 0) < $4
    ORDER BY m.seq`,
}

/** Both seqs are inclusive. Ends with the message whose body completes `bytes`: where there is a message, there is one in it. */
export async function messagesBetween(
  db: Database,
  conversationId: ConversationId,
  { from, to, bytes }: { readonly from: Seq; readonly to: Seq; readonly bytes: number },
): Promise<readonly MessageRecord[]> {
  return (await ask<MessageRow>(db, MESSAGES_BETWEEN, [conversationId, from, to, bytes])).map(toMessage)
}

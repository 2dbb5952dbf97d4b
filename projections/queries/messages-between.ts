/** A stretch of one conversation's messages, ascending, the same for everybody: who may read them, the caller knows. */
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MESSAGES_BETWEEN: Statement = {
  name: 'messages between two of a conversation',
  text: `
    SELECT ${MESSAGE_COLUMNS} FROM read.messages m
    WHERE m.conversation_id = $1 AND m.seq BETWEEN $2 AND $3
    ORDER BY m.seq`,
}

/** Both seqs are inclusive. */
export async function messagesBetween(
  db: Database,
  conversationId: ConversationId,
  { from, to }: { readonly from: Seq; readonly to: Seq },
): Promise<readonly MessageRecord[]> {
  return (await ask<MessageRow>(db, MESSAGES_BETWEEN, [conversationId, from, to])).map(toMessage)
}

/** Messages at known places, of any conversations, newest first: who may read them, the caller knows. */
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import { MESSAGE_COLUMNS, type MessageRecord, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MESSAGES_AT: Statement = {
  name: 'messages at places',
  text: `
    SELECT ${MESSAGE_COLUMNS}
    FROM unnest($1::uuid[], $2::int[]) AS place (conversation_id, seq)
    JOIN read.messages m USING (conversation_id, seq)
    ORDER BY m.position DESC`,
}

export interface MessagePlace {
  readonly conversationId: ConversationId
  readonly seq: Seq
}

/** Places where the read models have no message, or none yet, are left out. */
export async function messagesAt(
  db: Database,
  places: readonly MessagePlace[],
): Promise<readonly MessageRecord[]> {
  if (places.length === 0) return []
  const rows = await ask<MessageRow>(db, MESSAGES_AT, [
    plain(places, ({ conversationId }) => conversationId),
    numbers(places, ({ seq }) => seq),
  ])
  return rows.map(toMessage)
}

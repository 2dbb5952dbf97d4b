/** Looks one message up by its id: for resends and deletions of messages that a decider's state no longer remembers. */
import type { KnownMessage } from '../../domain/conversation/state.ts'
import type { ConversationId, MessageId } from '../../domain/ids.ts'
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MESSAGE_BY_ID: Statement = {
  name: 'message by its id',
  text: `
    SELECT ${MESSAGE_COLUMNS} FROM read.messages m
    WHERE m.conversation_id = $1 AND m.message_id = decode($2, 'hex')`,
}

export async function findMessage(
  db: Database,
  conversationId: ConversationId,
  messageId: MessageId,
): Promise<KnownMessage | null> {
  const [row] = await ask<MessageRow>(db, MESSAGE_BY_ID, [conversationId, messageId])
  if (!row) return null
  const { seq, senderId, deviceId, at, deletedAt } = toMessage(row)
  return { seq, messageId, senderId, deviceId, at, ...(deletedAt === null ? {} : { deletedAt }) }
}

/** Looks one message up by its id: for resends and deletions of messages that a decider's state no longer remembers. */
import type { KnownMessage } from '../../domain/conversation/recent-messages.ts'
import type { ConversationId, MessageId } from '../../domain/ids.ts'
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './message.ts'
import { ask, type Database, type Statement } from './statement.ts'

const MESSAGE_BY_ID: Statement = {
  name: 'message by its id',
  text: `
    SELECT ${MESSAGE_COLUMNS} FROM read.messages m
    WHERE m.conversation_id = $1 AND m.message_id = decode($2, 'hex')`,
}

const PARKED: Statement = {
  name: 'whether a conversation is parked',
  text: 'SELECT 1 FROM read.parked_conversations WHERE conversation_id = $1',
}

/** Rejects for a parked conversation in which it is not found. */
export async function findMessage(
  db: Database,
  conversationId: ConversationId,
  messageId: MessageId,
): Promise<KnownMessage | null> {
  const [row] = await ask<MessageRow>(db, MESSAGE_BY_ID, [conversationId, messageId])
  if (!row) {
    // Of a parked conversation the read models do not know everything: "there is none" would be a guess.
    const [parked] = await ask<object>(db, PARKED, [conversationId])
    if (parked) throw new Error('the conversation is parked: its messages cannot be looked up')
    return null
  }
  const { seq, senderId, deviceId, at, deletedAt } = toMessage(row)
  return { seq, messageId, senderId, deviceId, at, ...(deletedAt === null ? {} : { deletedAt }) }
}

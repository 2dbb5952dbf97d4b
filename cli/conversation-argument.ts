/** The argument that names a conversation. Knows nothing of whether there is one. */
import { InvalidArgumentError } from 'commander'
import { conversationId } from '../domain/fields.ts'
import type { ConversationId } from '../domain/ids.ts'

export function parseConversation(text: string): ConversationId {
  const parsed = conversationId.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError('It must be a UUID in lowercase.')
}

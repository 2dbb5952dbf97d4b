/** What a batch changes in `conversations`: at most one row each, however many events. */
import type { ConversationStarted } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { ReadSchema } from '../schema.ts'
import { numbers, plain, written } from './columns.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

export interface ConversationChange {
  readonly conversationId: ConversationId
  /** Set when the conversation began in this batch. */
  started?: { readonly event: ConversationStarted; readonly position: Position }
  /** The newest message of this batch. */
  message?: { readonly seq: Seq; readonly at: Millis; readonly position: Position }
  lastPosition: Position
}

export type ConversationChanges = Map<ConversationId, ConversationChange>

/** Every event of a conversation moves it. */
export function moveConversation(
  changes: ConversationChanges,
  conversationId: ConversationId,
  position: Position,
): ConversationChange {
  const change = changes.get(conversationId)
  if (change) {
    change.lastPosition = position
    return change
  }
  const fresh: ConversationChange = { conversationId, lastPosition: position }
  changes.set(conversationId, fresh)
  return fresh
}

const startConversations = perSchema((schema) => ({
  name: `${schema}: start conversations`,
  text: `
    INSERT INTO ${schema}.conversations (conversation_id, kind, title, started_by, started_at, started_position,
      last_seq, last_message_at, last_message_position, last_position)
    SELECT conversation_id, kind, title, started_by, started_at, started_position,
      coalesce(seq, 0), message_at, message_position, last_position
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
      $7::int[], $8::bigint[], $9::bigint[], $10::bigint[])
      AS change (conversation_id, kind, title, started_by, started_at, started_position,
        seq, message_at, message_position, last_position)`,
}))

const moveConversations = perSchema((schema) => ({
  name: `${schema}: move conversations`,
  text: `
    UPDATE ${schema}.conversations c
    SET last_seq = coalesce(change.seq, c.last_seq),
        last_message_at = coalesce(change.message_at, c.last_message_at),
        last_message_position = coalesce(change.message_position, c.last_message_position),
        last_position = change.last_position
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
      AS change (conversation_id, seq, message_at, message_position, last_position)
    WHERE c.conversation_id = change.conversation_id`,
}))

export function conversationWrites(schema: ReadSchema, changes: ConversationChanges): Write[] {
  const all = [...changes.values()]
  const started = all.filter((change) => change.started !== undefined)
  const moved = all.filter((change) => change.started === undefined)
  const writes: Write[] = []
  if (started.length > 0) {
    writes.push({
      statement: startConversations(schema),
      values: [
        plain(started, (change) => change.conversationId),
        plain(started, (change) => change.started?.event.kind),
        written(started, (change) => change.started?.event.title),
        plain(started, (change) => change.started?.event.by),
        numbers(started, (change) => change.started?.event.at),
        numbers(started, (change) => change.started?.position),
        ...newestMessages(started),
      ],
    })
  }
  if (moved.length > 0) {
    writes.push({
      statement: moveConversations(schema),
      values: [plain(moved, (change) => change.conversationId), ...newestMessages(moved)],
      rows: moved.length,
    })
  }
  return writes
}

const newestMessages = (changes: readonly ConversationChange[]): string[] => [
  numbers(changes, (change) => change.message?.seq),
  numbers(changes, (change) => change.message?.at),
  numbers(changes, (change) => change.message?.position),
  numbers(changes, (change) => change.lastPosition),
]

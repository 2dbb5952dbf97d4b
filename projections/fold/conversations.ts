/** What a batch changes in `conversations`: at most one row each, however many events. */
import type { ConversationStarted, MessageSent } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import { UnapplicableEvent } from './unapplicable-event.ts'
import type { Write } from './write.ts'

export interface ConversationChange {
  readonly conversationId: ConversationId
  /** Set when the conversation began in this batch. */
  readonly started?: { readonly event: ConversationStarted; readonly position: Position }
  /** The first seq of this batch, and its newest message. */
  firstSeq?: Seq
  message?: { readonly seq: Seq; readonly at: Millis; readonly position: Position }
  lastPosition: Position
}

export type ConversationChanges = Map<ConversationId, ConversationChange>

/** @throws UnapplicableEvent if it is known already; nothing is changed then. */
export function startConversation(
  changes: ConversationChanges,
  event: ConversationStarted,
  position: Position,
): void {
  const { conversationId } = event
  if (changes.has(conversationId)) throw new UnapplicableEvent('a conversation begins that is known already')
  changes.set(conversationId, { conversationId, started: { event, position }, lastPosition: position })
}

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

/** @throws UnapplicableEvent if its seq is not beyond those before; nothing is changed then. */
export function sendInConversation(
  changes: ConversationChanges,
  { conversationId, seq, at }: MessageSent,
  position: Position,
): void {
  const before = changes.get(conversationId)?.message
  if (before && seq <= before.seq)
    throw new UnapplicableEvent('a message has a seq that is not beyond those before')
  const change = moveConversation(changes, conversationId, position)
  change.firstSeq ??= seq
  change.message = { seq, at, position }
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
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[])
      AS change (conversation_id, seq, message_at, message_position, last_position, first_seq)
    WHERE c.conversation_id = change.conversation_id AND coalesce(change.first_seq > c.last_seq, true)`,
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
      values: [
        plain(moved, (change) => change.conversationId),
        ...newestMessages(moved),
        numbers(moved, (change) => change.firstSeq),
      ],
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

/** What a batch adds to `messages`, and the bodies it takes away. Sealed bytes pass through; nothing here opens them. */
import type { MessageDeleted, MessageSent } from '../../domain/events.ts'
import type { ConversationId, Millis, Seq } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import { UnapplicableEvent } from './unapplicable-event.ts'
import type { Write } from './write.ts'

interface Deletion {
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly at: Millis
  readonly position: Position
}

interface NewMessage {
  readonly event: MessageSent
  readonly position: Position
  deleted?: Deletion
}

/** Keyed by conversation and seq. */
export interface MessageChanges {
  readonly sent: Map<string, NewMessage>
  /** Of messages from earlier batches. */
  readonly deleted: Map<string, Deletion>
}

const keyOf = ({ conversationId, seq }: { readonly conversationId: string; readonly seq: number }): string =>
  `${conversationId} ${seq}`

export function addMessage(changes: MessageChanges, event: MessageSent, position: Position): void {
  changes.sent.set(keyOf(event), { event, position })
}

/** @throws UnapplicableEvent if it is deleted already; nothing is changed then. */
export function deleteMessage(changes: MessageChanges, event: MessageDeleted, position: Position): void {
  const { conversationId, seq, at } = event
  const key = keyOf(event)
  const sent = changes.sent.get(key)
  if (sent?.deleted || changes.deleted.has(key)) throw new UnapplicableEvent('a message is deleted twice')
  const deletion = { conversationId, seq, at, position }
  if (sent) sent.deleted = deletion
  else changes.deleted.set(key, deletion)
}

const addMessages = perSchema((schema) => ({
  name: `${schema}: add messages`,
  text: `
    INSERT INTO ${schema}.messages (conversation_id, seq, message_id, sender_id, device_id, nonce, client_at, at,
      body_hash, body, deleted_at, deleted_position, position)
    SELECT conversation_id, seq, decode(message_id, 'hex'), sender_id, device_id, nonce, client_at, at,
      decode(body_hash, 'hex'), decode(body, 'base64'), deleted_at, deleted_position, position
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
      $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[])
      AS sent (conversation_id, seq, message_id, sender_id, device_id, nonce, client_at, at,
        body_hash, body, deleted_at, deleted_position, position)`,
}))

const removeBodies = perSchema((schema) => ({
  name: `${schema}: remove bodies of deleted messages`,
  text: `
    UPDATE ${schema}.messages m
    SET body = NULL, deleted_at = deletion.at, deleted_position = deletion.position
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[]) AS deletion (conversation_id, seq, at, position)
    WHERE m.conversation_id = deletion.conversation_id AND m.seq = deletion.seq AND m.deleted_at IS NULL`,
}))

export function messageWrites(schema: ReadSchema, { sent, deleted }: MessageChanges): Write[] {
  const writes: Write[] = []
  const rows = [...sent.values()]
  if (rows.length > 0) {
    writes.push({
      statement: addMessages(schema),
      values: [
        plain(rows, ({ event }) => event.conversationId),
        numbers(rows, ({ event }) => event.seq),
        plain(rows, ({ event }) => event.messageId),
        plain(rows, ({ event }) => event.senderId),
        plain(rows, ({ event }) => event.deviceId),
        plain(rows, ({ event }) => event.nonce),
        numbers(rows, ({ event }) => event.clientAt),
        numbers(rows, ({ event }) => event.at),
        plain(rows, ({ event }) => event.body.hash),
        plain(rows, ({ event, deleted }) => (deleted ? null : event.body.bytes)),
        numbers(rows, (row) => row.deleted?.at),
        numbers(rows, (row) => row.deleted?.position),
        numbers(rows, ({ position }) => position),
      ],
    })
  }
  const deletions = [...deleted.values()]
  if (deletions.length > 0) {
    writes.push({
      statement: removeBodies(schema),
      values: [
        plain(deletions, (deletion) => deletion.conversationId),
        numbers(deletions, (deletion) => deletion.seq),
        numbers(deletions, (deletion) => deletion.at),
        numbers(deletions, (deletion) => deletion.position),
      ],
      rows: deletions.length,
    })
  }
  return writes
}

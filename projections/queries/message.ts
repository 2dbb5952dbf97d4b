/** A message as the read models hold it: the shape, and the columns it is read from. Never unseals a body. */
import type { SealedBody } from '../../domain/body.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Temporary } from '../../domain/retention.ts'
import type { Position } from '../../ledger/ledger.ts'
import { millis, millisOrNull, position } from './columns.ts'
import { isShownReading } from './privacy.ts'

export interface MessageRecord {
  readonly conversationId: ConversationId
  readonly seq: Seq
  readonly messageId: MessageId
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly nonce: string
  readonly clientAt: Millis
  readonly at: Millis
  /** Without `bytes` when the message was deleted, or its body is not, or no longer, in the ledger. */
  readonly body: SealedBody
  readonly deletedAt: Millis | null
  /** Of a body that is not in the ledger but beside it, until it is due; null: permanent. */
  readonly temporary: Temporary | null
  /** When it was recorded that a temporary body is destroyed. */
  readonly expiredAt: Millis | null
  readonly position: Position
}

/** Ticks of a message that its sender sees; who left counts no more, and with nobody left it is not delivered. */
export interface Ticks {
  readonly deliveredToAll: boolean
  readonly readByAll: boolean
}

/** Of the table or subquery called `m`. */
export const MESSAGE_COLUMNS = `m.conversation_id, m.seq, m.message_id, m.sender_id, m.device_id, m.nonce, m.client_at, m.at,
  m.body_hash, m.body, m.deleted_at, m.temporary, m.expires_at, m.expired_at, m.position`

export interface MessageRow {
  readonly conversation_id: ConversationId
  readonly seq: Seq
  readonly message_id: Buffer
  readonly sender_id: UserId
  readonly device_id: DeviceId
  readonly nonce: string
  readonly client_at: string
  readonly at: string
  readonly body_hash: Buffer
  readonly body: Buffer | null
  readonly deleted_at: string | null
  readonly temporary: Temporary['mode'] | null
  readonly expires_at: string | null
  readonly expired_at: string | null
  readonly position: string
}

export function toMessage(row: MessageRow): MessageRecord {
  const hash = row.body_hash.toString('hex')
  return {
    conversationId: row.conversation_id,
    seq: row.seq,
    messageId: row.message_id.toString('hex') as MessageId,
    senderId: row.sender_id,
    deviceId: row.device_id,
    nonce: row.nonce,
    clientAt: millis(row.client_at),
    at: millis(row.at),
    body: row.body === null ? { hash } : { hash, bytes: row.body.toString('base64') },
    deletedAt: millisOrNull(row.deleted_at),
    temporary:
      row.temporary === null || row.expires_at === null
        ? null
        : { mode: row.temporary, expiresAt: millis(row.expires_at) },
    expiredAt: millisOrNull(row.expired_at),
    position: position(row.position),
  }
}

/** How far all current members but one have a conversation: enough for the ticks of each of that person's messages. */
export interface OthersWatermarks {
  readonly delivered: Seq | null
  readonly read: Seq | null
  readonly joined: Seq | null
  /** As `joined`, of those whose reading this person is shown. */
  readonly readersJoined: Seq | null
}

/**
 * Of the members `o` but the viewer. Reading that is not shown to the viewer counts for no tick, and against none: who hides it
 * is left out.
 */
export const othersWatermarks = (o: string, viewer: string): string => {
  const shown = isShownReading(`${o}.user_id`, viewer)
  return `min(${o}.delivered_seq) AS delivered, min(${o}.joined_seq) AS joined,
        min(${o}.read_seq) FILTER (WHERE ${shown}) AS read,
        min(${o}.joined_seq) FILTER (WHERE ${shown}) AS "readersJoined"`
}

/**
 * Watermarks begin at the seq after which a member joined. So whoever joined later is past this message anyway, and the
 * lowest watermark of all current others decides; it only needs one of them who was there: min(joined) < seq.
 */
export function ticksOf(seq: Seq, others: OthersWatermarks): Ticks {
  const someone = others.joined !== null && others.joined < seq
  const aReader = others.readersJoined !== null && others.readersJoined < seq
  const deliveredToAll = someone && others.delivered !== null && others.delivered >= seq
  // Who hides reading counts for nobody's reading, but has to have the message all the same.
  return {
    deliveredToAll,
    readByAll: deliveredToAll && aReader && others.read !== null && others.read >= seq,
  }
}

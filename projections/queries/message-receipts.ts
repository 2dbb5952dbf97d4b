/** "Message info": to whom one message went, when it arrived on each device, and when it was read. */
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { later, millis } from './columns.ts'
import { isShownReading } from './privacy.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface MessageReceipt {
  readonly userId: UserId
  /** False when this person has left since. */
  readonly member: boolean
  /** On the first device, of those that are named, that had it. */
  readonly deliveredAt: Millis | null
  /** The devices that have it, earliest first: of very many those that acknowledged something last. */
  readonly devices: readonly { readonly deviceId: DeviceId; readonly deliveredAt: Millis }[]
  /** On any of those. */
  readonly readAt: Millis | null
  readonly readDeviceId: DeviceId | null
}

/** Ranges of one device never overlap, so the first one that does not end before the seq is the only one that may hold it. */
const receiptHolding = (kind: 'delivered' | 'read'): string => `
  LEFT JOIN LATERAL (
    SELECT r.from_seq, r.at FROM read.receipts r
    WHERE r.conversation_id = $1 AND r.user_id = o.user_id AND r.device_id = d.device_id AND r.kind = '${kind}'
      AND r.to_seq >= $2
    ORDER BY r.to_seq LIMIT 1
  ) ${kind}_range ON ${kind}_range.from_seq <= $2`

/** Of one person, as many as are remembered of them: a client may call itself by a new name each time, and make the answer for a whole group as long as it likes. */
const MOST_DEVICES = 1_000

const MESSAGE_RECEIPTS: Statement = {
  name: 'receipts of a message',
  text: `
    SELECT o.user_id AS "userId", o.left_seq IS NULL AS member, d.device_id AS "deviceId",
           delivered_range.at AS delivered_at, read_range.at AS read_at, sent.at AS sent_at
    FROM read.messages sent JOIN read.members o USING (conversation_id)
    LEFT JOIN LATERAL (
      SELECT device_id FROM read.device_watermarks w
      WHERE w.conversation_id = $1 AND w.user_id = o.user_id AND w.delivered_seq >= $2
      ORDER BY w.delivered_position DESC LIMIT ${MOST_DEVICES}
    ) d ON true
    ${receiptHolding('delivered')}
    ${receiptHolding('read')} AND (o.user_id = $3 OR ${isShownReading('o.user_id', '$3')})
    WHERE sent.conversation_id = $1 AND sent.seq = $2 AND o.history @> $2::int AND o.user_id <> sent.sender_id
    ORDER BY o.user_id, delivered_range.at, d.device_id`,
}

interface Row {
  readonly userId: UserId
  readonly member: boolean
  readonly deviceId: DeviceId | null
  readonly delivered_at: string | null
  readonly read_at: string | null
  readonly sent_at: string
}

/** One entry for everybody but the sender who was a member at this seq, by user id. Empty when there is no such message. */
export async function messageReceipts(
  db: Database,
  conversationId: ConversationId,
  seq: Seq,
  viewer: UserId,
): Promise<readonly MessageReceipt[]> {
  const rows = await ask<Row>(db, MESSAGE_RECEIPTS, [conversationId, seq, viewer])
  const people = new Map<UserId, Row[]>()
  for (const row of rows) {
    const devices = people.get(row.userId)
    if (devices) devices.push(row)
    else people.set(row.userId, [row])
  }
  return [...people.values()].map(toReceipt)
}

/** `rows`: at least one, earliest delivery first. */
function toReceipt(rows: readonly Row[]): MessageReceipt {
  const [first] = rows as [Row, ...Row[]]
  const read = rows.find(({ read_at }) => read_at !== null)
  const sentAt = millis(first.sent_at)
  // By the clock of whoever recorded it, which may be behind that of whoever recorded the message.
  const toldAt = (column: string) => later(millis(column), sentAt)
  return {
    userId: first.userId,
    member: first.member,
    deliveredAt: first.delivered_at === null ? null : toldAt(first.delivered_at),
    devices: rows.flatMap(({ deviceId, delivered_at }) =>
      deviceId === null || delivered_at === null ? [] : [{ deviceId, deliveredAt: toldAt(delivered_at) }],
    ),
    readAt: read === undefined || read.read_at === null ? null : toldAt(read.read_at),
    readDeviceId: read?.deviceId ?? null,
  }
}

/** What a batch adds to `receipts`, and how far it moves `device_watermarks`. */
import type { MessageDelivered, MessageRead } from '../../domain/events.ts'
import type { Position } from '../../ledger/ledger.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import type { ReadSchema } from '../schema.ts'
import { perSchema } from './per-schema.ts'
import type { Write } from './write.ts'

interface Receipt {
  readonly event: MessageDelivered | MessageRead
  readonly position: Position
}

export interface ReceiptChanges {
  readonly receipts: Receipt[]
  /** The furthest delivery of this batch, keyed by conversation, user and device. */
  readonly devices: Map<string, Receipt>
}

export function addReceipt(
  changes: ReceiptChanges,
  event: MessageDelivered | MessageRead,
  position: Position,
): void {
  const receipt = { event, position }
  changes.receipts.push(receipt)
  if (event.type !== 'MessageDelivered') return
  const key = `${event.conversationId} ${event.userId} ${event.deviceId}`
  const before = changes.devices.get(key)
  if (before === undefined || event.toSeq > before.event.toSeq) changes.devices.set(key, receipt)
}

/** By COPY, as messages are. No value needs an escape. */
const addReceipts = perSchema((schema) => ({
  name: `${schema}: add receipts`,
  text: `COPY ${schema}.receipts (conversation_id, user_id, device_id, kind, from_seq, to_seq, at, position) FROM STDIN`,
}))

function linesOf(receipts: readonly Receipt[]): string {
  let lines = ''
  for (const { event, position } of receipts) {
    const { conversationId, userId, deviceId, fromSeq, toSeq, at } = event
    const kind = event.type === 'MessageRead' ? 'read' : 'delivered'
    lines += `${conversationId}\t${userId}\t${deviceId}\t${kind}\t${fromSeq}\t${toSeq}\t${at}\t${position}\n`
  }
  return lines
}

const moveDevices = perSchema((schema) => ({
  name: `${schema}: move device watermarks`,
  text: `
    INSERT INTO ${schema}.device_watermarks AS d
      (conversation_id, user_id, device_id, delivered_seq, delivered_at, delivered_position)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[])
    ON CONFLICT (conversation_id, user_id, device_id) DO UPDATE
    SET delivered_seq = excluded.delivered_seq, delivered_at = excluded.delivered_at,
        delivered_position = excluded.delivered_position
    WHERE excluded.delivered_seq > d.delivered_seq`,
}))

export function receiptWrites(schema: ReadSchema, { receipts, devices }: ReceiptChanges): Write[] {
  if (receipts.length === 0) return []
  const writes: Write[] = [{ copy: addReceipts(schema), lines: linesOf(receipts) }]
  const moved = [...devices.values()]
  if (moved.length > 0) {
    writes.push({ statement: moveDevices(schema), values: [...devicesOf(moved), ...marksOf(moved)] })
  }
  return writes
}

const devicesOf = (receipts: readonly Receipt[]): string[] => [
  plain(receipts, ({ event }) => event.conversationId),
  plain(receipts, ({ event }) => event.userId),
  plain(receipts, ({ event }) => event.deviceId),
]

const marksOf = (receipts: readonly Receipt[]): string[] => [
  numbers(receipts, ({ event }) => event.toSeq),
  numbers(receipts, ({ event }) => event.at),
  numbers(receipts, ({ position }) => position),
]

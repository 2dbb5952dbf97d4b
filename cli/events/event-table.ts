/** Facts as lines of a table that fits 100 columns, unless somebody's id is long. Shows of a message's body only its size and hash. */
import type { RetentionChanged } from '../../domain/events.ts'
import type { Seq } from '../../domain/ids.ts'
import { UndecodableEvent } from '../../ledger/codec/decode.ts'
import type { RecordedFact } from './conversation-events.ts'

type Pad = (text: string) => string

const left =
  (width: number): Pad =>
  (text) =>
    (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width)
const right =
  (width: number): Pad =>
  (text) =>
    text.padStart(width)

const COLUMNS: readonly { readonly title: string; readonly pad: Pad; of(fact: RecordedFact): string }[] = [
  { title: 'position', pad: right(8), of: ({ recorded }) => String(recorded.position) },
  // The id is the same in every line, so the kind of the stream says it all.
  { title: 'stream', pad: left(12), of: ({ recorded }) => recorded.stream.split('-', 1)[0] ?? '' },
  { title: 'rev', pad: right(4), of: ({ recorded }) => String(recorded.revision) },
  { title: 'type', pad: left(19), of: ({ recorded }) => recorded.type },
  { title: 'what', pad: left(11), of: ({ event }) => what(event) },
  { title: 'time (UTC)', pad: left(12), of: time },
  { title: 'hash', pad: left(8), of: ({ recorded }) => recorded.metadata.hash?.slice(0, 8) ?? '' },
  // Last, because ids may be long and nobody wants half of one.
  { title: 'who · device', pad: (text) => text, of: who },
]

const line = (cells: readonly string[]): string => cells.join(' ').trimEnd()

export const tableHead = (): string => line(COLUMNS.map(({ title, pad }) => pad(title)))

export const tableRow = (fact: RecordedFact): string => line(COLUMNS.map(({ pad, of }) => pad(of(fact))))

/** Of what cannot be understood it may be missing, or no time at all. */
function time({ recorded }: RecordedFact): string {
  const at = new Date(Number(recorded.metadata.recordedAt ?? Number.NaN))
  return Number.isNaN(at.getTime()) ? '' : at.toISOString().slice(11, 23)
}

function who({ recorded: { metadata }, event }: RecordedFact): string {
  // Whoever meets such an event wants to know why, and only then who.
  if (event instanceof UndecodableEvent) return event.message
  // The worker did it; whom it tried to reach is what one wants to know.
  if (event.type === 'DeliveryAttempted') return `${event.outcome} → ${event.userId}`
  if (event.type === 'DeliveryExhausted') return `→ ${event.userId}`
  const { actorId = '', deviceId } = metadata
  return deviceId === undefined ? actorId : `${actorId} · ${deviceId}`
}

function what(event: RecordedFact['event']): string {
  if (event instanceof UndecodableEvent) return event.reason
  switch (event.type) {
    case 'ConversationStarted':
      return `${event.members.length} people`
    case 'MemberAdded':
    case 'MemberRemoved':
      return event.userId
    case 'MemberRoleChanged':
      return `${event.userId} ${event.role}`
    case 'ConversationRenamed':
      return event.title ?? ''
    case 'MessageSent':
      return `#${event.seq} ${event.temporary ? event.temporary.mode : sizeOf(event.body.bytes)}`
    case 'MessageDeleted':
      return `#${event.seq}`
    case 'MessageExpired':
      return `#${event.seq} ${event.reason}`
    case 'RetentionChanged':
      return retentionOf(event)
    case 'MessageDelivered':
    case 'MessageRead':
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      return rangeOf(event)
    default:
      return event satisfies never
  }
}

const retentionOf = ({ retention }: RetentionChanged): string =>
  retention.mode === 'permanent' ? retention.mode : `${retention.mode} ${retention.seconds} s`

const rangeOf = ({ fromSeq, toSeq }: { readonly fromSeq: Seq; readonly toSeq: Seq }): string =>
  fromSeq === toSeq ? `#${toSeq}` : `#${fromSeq}–${toSeq}`

/** Of the sealed bytes, from their base64. */
function sizeOf(base64: string | undefined): string {
  if (base64 === undefined) return 'gone'
  const bytes = Buffer.byteLength(base64, 'base64')
  return bytes < 1000 ? `${bytes} B` : `${Math.round(bytes / 1000)} kB`
}

/** For `--json`: everything that is recorded but the body's bytes. Of what cannot be understood no data: any of it may be a body. */
export function jsonOf({ recorded, event }: RecordedFact): object {
  const { position, ...rest } = recorded
  if (event instanceof UndecodableEvent) {
    const { data: _unknown, ...known } = rest
    return { position: String(position), ...known, undecodable: event.reason, why: event.message }
  }
  const { body, ...data } = recorded.data as Record<string, unknown>
  const size =
    event.type === 'MessageSent' && typeof body === 'string' ? Buffer.byteLength(body, 'base64') : undefined
  return {
    position: String(position),
    at: event.at,
    ...rest,
    data: size === undefined ? data : { ...data, bodyBytes: size },
  }
}

/**
 * What a batch changes about one member, event by event. Never looks at what is stored: the change is merged into it by
 * `members.ts`, so that the result does not depend on where one batch ends and the next begins.
 *
 *   join       everything before it is forgotten but the history and the own messages: watermarks stand at joined_seq
 *   leave      ends the newest range of the history
 *   role       the newest change of a membership counts
 *   delivered  moves the delivered watermark, forwards only; the first event that reaches a seq gives its time
 *   read       the same for the read watermark
 *   send       one more own message, beyond both watermarks
 */
import type {
  MemberRemoved,
  MemberRoleChanged,
  MessageDelivered,
  MessageRead,
  Role,
} from '../../domain/events.ts'
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { UnapplicableEvent } from './unapplicable-event.ts'

export interface Joining {
  readonly role: Role
  readonly afterSeq: Seq
  readonly at: Millis
  readonly by: UserId
  readonly position: Position
}

export interface Leaving {
  readonly afterSeq: Seq
  readonly at: Millis
  readonly by: UserId
  readonly position: Position
}

export interface RoleChange {
  readonly role: Role
  readonly at: Millis
  readonly by: UserId
  readonly position: Position
}

export interface Mark {
  readonly seq: Seq
  readonly at: Millis
  readonly deviceId: DeviceId
  readonly position: Position
}

export interface MemberChange {
  readonly conversationId: ConversationId
  readonly userId: UserId
  /** The end of the membership that stood when the batch began. */
  ended?: Leaving
  /** The newest joining in this batch, and its end. */
  joined?: Joining
  left?: Leaving
  /** Of the joining in this batch, else of the membership that stood when it began. */
  role?: RoleChange
  delivered?: Mark
  read?: Mark
  /** Own messages since the joining, or in this batch. */
  sent: Seq[]
  firstSent?: Seq
  lastSent?: Seq
  /** Ranges that were opened in this batch; `to` is absent while open. */
  readonly opened: { readonly from: number; to?: Seq }[]
}

export type MemberChanges = Map<string, MemberChange>

export function memberOf(
  changes: MemberChanges,
  conversationId: ConversationId,
  userId: UserId,
): MemberChange {
  const key = `${conversationId} ${userId}`
  const known = changes.get(key)
  if (known) return known
  const fresh: MemberChange = { conversationId, userId, sent: [], opened: [] }
  changes.set(key, fresh)
  return fresh
}

/**
 * @throws UnapplicableEvent if this person is a member already; nothing is changed then. Receipts say nothing about that: they are of
 *   another stream, and may come after the leaving that they raced with.
 */
export function join(member: MemberChange, joined: Joining): void {
  const isMember = member.joined
    ? !member.left
    : !member.ended && (member.sent.length > 0 || member.role !== undefined)
  if (isMember) throw new UnapplicableEvent('somebody joins who is a member already')
  member.joined = joined
  delete member.left
  delete member.role
  delete member.delivered
  delete member.read
  member.sent = []
  member.opened.push({ from: joined.afterSeq + 1 })
}

/** Whether anything but joining, leaving and a change of the role happened. */
export const isMoved = ({ sent, delivered, read }: MemberChange): boolean =>
  sent.length > 0 || delivered !== undefined || read !== undefined

/** @throws UnapplicableEvent if this person has left already; nothing is changed then. */
export function leave(member: MemberChange, { afterSeq, at, by }: MemberRemoved, position: Position): void {
  const end = member.joined ? 'left' : 'ended'
  if (member[end]) throw new UnapplicableEvent('somebody leaves who is no member')
  member[end] = { afterSeq, at, by, position }
  const open = member.joined ? member.opened.at(-1) : undefined
  if (open) open.to = afterSeq
}

/** @throws UnapplicableEvent if this person has left; nothing is changed then. */
export function changeRole(
  member: MemberChange,
  { role, at, by }: MemberRoleChanged,
  position: Position,
): void {
  if (member.joined ? member.left : member.ended)
    throw new UnapplicableEvent('the role of somebody changes who is no member')
  member.role = { role, at, by, position }
}

export function acknowledge(
  member: MemberChange,
  event: MessageDelivered | MessageRead,
  position: Position,
): void {
  const kind = event.type === 'MessageRead' ? 'read' : 'delivered'
  const stands = member[kind]?.seq ?? member.joined?.afterSeq
  // A receipt that raced with a leaving and a rejoining may be of the membership before.
  if (stands !== undefined && event.toSeq <= stands) return
  member[kind] = { seq: event.toSeq, at: event.at, deviceId: event.deviceId, position }
}

export function send(member: MemberChange, seq: Seq): void {
  member.sent.push(seq)
  member.firstSent ??= seq
  member.lastSent = seq
}

/** Own messages of this batch beyond a watermark; all of them while it does not move. */
export function sentAfter({ sent }: MemberChange, mark: Mark | undefined): number {
  if (mark === undefined) return sent.length
  let count = 0
  for (const seq of sent) if (seq > mark.seq) count++
  return count
}

/** As a multirange literal. A membership during which nothing was said leaves no range. */
export function openedRanges({ opened }: MemberChange): string {
  const ranges = opened.filter(({ from, to }) => to === undefined || from <= to)
  return `{${ranges.map(({ from, to }) => (to === undefined ? `[${from},)` : `[${from},${to}]`)).join(',')}}`
}

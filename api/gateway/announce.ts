/**
 * Which facts are told to whom: turns what was committed into announcements, each serialised once. Pure; `push.ts` carries
 * them to sockets.
 */
import { oldestSeq, recentBetween } from '../../domain/conversation/recent-messages.ts'
import {
  type ConversationState,
  draftConversation,
  evolveConversation,
} from '../../domain/conversation/state.ts'
import { watermarksOf } from '../../domain/delivery/state.ts'
import { toldAt } from '../../domain/delivery/told-at.ts'
import type { ConversationEvent, MessageDelivered, MessageRead, UnsealedEvent } from '../../domain/events.ts'
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import type { Revision } from '../../ledger/ledger.ts'
import type { Committed } from '../../ledger/mailbox/contract.ts'
import type { ReceiptFrame } from '../../protocol/server-frames.ts'
import {
  conversationFrame,
  deletedFrame,
  expiredFrame,
  memberFrame,
  messageFrame,
  renamedFrame,
  retentionFrame,
  roleFrame,
} from './frames.ts'
import type { Delivery } from './session.ts'

export interface Announcement {
  readonly recipients: readonly UserId[]
  readonly delivery: Delivery
}

export function announce(
  committed: Committed,
  /** Whether a person does not show what they have read. */
  hidesReading: (userId: UserId) => boolean = () => false,
): Announcement[] {
  return committed.deliveredBefore
    ? announceReceipts(committed, hidesReading)
    : announceConversation(committed)
}

function announceConversation(committed: Committed) {
  const { conversationId, events, revision, position, before, previousPosition } = committed
  const announcements: Announcement[] = []
  // Membership may change within a batch: each fact goes to those who were members when it happened. Messages are not
  // folded, so that a batch of them copies nothing.
  let state = before
  let seqBefore = before.lastSeq
  const evolve = (event: ConversationEvent<unknown>): void => {
    if (state === before) state = draftConversation(before)
    evolveConversation(state, event)
  }
  const tell = (recipients: Iterable<UserId>, frame: object, more: Partial<Delivery['place']> = {}): void => {
    const place = { conversationId, seqBefore, position, previousPosition, ...more }
    announcements.push({ recipients: [...recipients], delivery: { json: JSON.stringify(frame), place } })
  }

  for (const [index, event] of (events as readonly UnsealedEvent[]).entries()) {
    const itself = { revision: (revision - (events.length - 1 - index)) as Revision }
    switch (event.type) {
      case 'ConversationStarted': {
        evolve(event)
        // One that is temporary from the beginning is told in one frame.
        const next = events[index + 1]
        if (next?.type === 'RetentionChanged') evolve(next)
        tell(state.members.keys(), conversationFrame(state, seqBefore, event.at), { begins: true })
        break
      }
      case 'MemberAdded':
        evolve(event)
        tell([event.userId], conversationFrame(state, seqBefore, event.at), { begins: true })
        tell(state.members.keys(), memberFrame(event), {
          ...itself,
          membership: { userId: event.userId, change: 'joined' },
        })
        break
      case 'MemberRemoved':
        tell(state.members.keys(), memberFrame(event), {
          ...itself,
          membership: { userId: event.userId, change: 'left' },
        })
        evolve(event)
        break
      case 'MemberRoleChanged':
        evolve(event)
        tell(state.members.keys(), roleFrame(event), itself)
        break
      case 'ConversationRenamed':
        evolve(event)
        tell(state.members.keys(), renamedFrame(state, seqBefore, event), itself)
        break
      case 'MessageSent': {
        const place = { conversationId, seqBefore, seq: event.seq, previousPosition }
        const json = JSON.stringify(messageFrame(event))
        const { senderId, deviceId: exceptDevice, temporary } = event
        const others = [...state.members.keys()].filter((userId) => userId !== senderId)
        const goneAt = temporary?.expiresAt
        announcements.push(
          { recipients: others, delivery: goneAt === undefined ? { json, place } : { json, place, goneAt } },
          {
            recipients: [senderId],
            delivery:
              goneAt === undefined ? { json, place, exceptDevice } : { json, place, exceptDevice, goneAt },
          },
        )
        seqBefore = event.seq
        break
      }
      case 'MessageDeleted':
        tell(state.members.keys(), deletedFrame(event), itself)
        break
      case 'MessageExpired':
        if (event.reason === 'ttl') tell(state.members.keys(), expiredFrame(event), itself)
        break
      case 'RetentionChanged':
        if (events[index - 1]?.type === 'ConversationStarted') break
        evolve(event)
        tell(state.members.keys(), retentionFrame(state, seqBefore, event), itself)
        break
      case 'MessageDelivered':
      case 'MessageRead':
      case 'DeliveryAttempted':
      case 'DeliveryExhausted':
        break
      default:
        event satisfies never
    }
  }
  return announcements
}

function announceReceipts(
  { conversationId, events, after, deliveredBefore }: Committed,
  hidesReading: (userId: UserId) => boolean,
): Announcement[] {
  const announcements: Announcement[] = []
  const delivered = new Map<UserId, Seq>()
  for (const event of events) {
    if (event.type !== 'MessageDelivered' && event.type !== 'MessageRead') continue
    const { userId, deviceId, toSeq } = event
    let fromSeq = event.fromSeq
    if (event.type === 'MessageDelivered' && deliveredBefore) {
      // A second device adds to the record, but the person had it before: nobody's tick changes.
      const had = delivered.get(userId) ?? watermarksOf(deliveredBefore, userId).delivered
      if (toSeq <= had) continue
      delivered.set(userId, toSeq)
      if (had >= fromSeq) fromSeq = (had + 1) as Seq
    }
    const json = JSON.stringify(receiptFrame(after, conversationId, event))
    const reading = event.type === 'MessageRead'
    const covered = reading && hidesReading(userId) ? [] : sendersBetween(after, fromSeq, toSeq, userId)
    if (covered.length > 0) {
      announcements.push({ recipients: covered, delivery: reading ? { json, reading } : { json } })
    }
    announcements.push({ recipients: [userId], delivery: { json, exceptDevice: deviceId } })
  }
  return announcements
}

const receiptFrame = (
  conversation: ConversationState,
  conversationId: ConversationId,
  { type, userId, toSeq, at }: MessageDelivered | MessageRead,
): ReceiptFrame => ({
  t: 'receipt',
  conversationId,
  userId,
  kind: type === 'MessageDelivered' ? 'delivered' : 'read',
  upTo: toSeq,
  at: toldAt(conversation, toSeq, at),
})

/** Who sent the messages of a range: exact for the recent ones; older ones may be anybody's, so everybody is told. */
function sendersBetween(state: ConversationState, from: Seq, to: Seq, except: UserId): UserId[] {
  const remembered = oldestSeq(state.recent) ?? state.lastSeq + 1
  const senders =
    from < remembered
      ? state.members.keys()
      : recentBetween(state.recent, from, to).map(({ senderId }) => senderId)
  const distinct = new Set(senders)
  distinct.delete(except)
  // Who has left gets nothing more.
  return [...distinct].filter((userId) => state.members.has(userId))
}

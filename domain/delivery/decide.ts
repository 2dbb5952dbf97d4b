/** The rules of receipts: `0 ≤ read ≤ delivered ≤ lastSeq`, forwards only, and reading implies delivered. Pure. */
import { oldestSeq, recentBetween } from '../conversation/recent-messages.ts'
import type { ConversationState } from '../conversation/state.ts'
import { accepted, alreadyDone, type Decision, rejected } from '../decision.ts'
import type { DeliveryEvent } from '../events.ts'
import { type Millis, NO_SEQ, type Seq } from '../ids.ts'
import type {
  Acknowledge,
  DeliveryCommand,
  DeliveryResult,
  DeliveryResults,
  RecordAttempt,
  RecordExhausted,
} from './commands.ts'
import { type DeliveryState, deviceWatermark, watermarksOf } from './state.ts'
import { toldAt } from './told-at.ts'

type Decided<Name extends keyof DeliveryResults> = Decision<DeliveryEvent, DeliveryResults[Name]>

/** `conversation` is the state as far as it is durable: nobody can hold a message that is not in the ledger yet. */
export function decideDelivery(
  command: DeliveryCommand,
  state: DeliveryState,
  conversation: ConversationState,
): Decision<DeliveryEvent, DeliveryResult> {
  switch (command.type) {
    case 'acknowledge':
      return acknowledge(command, state, conversation)
    case 'record-attempt':
      return recordAttempt(command, state, conversation)
    case 'record-exhausted':
      return recordExhausted(command, state, conversation)
    default:
      return command satisfies never
  }
}

function acknowledge(
  command: Acknowledge,
  state: DeliveryState,
  conversation: ConversationState,
): Decided<'acknowledge'> {
  const { userId, deviceId, kind, upTo } = command
  if (conversation.kind === undefined) return rejected('not_found', 'no such conversation')
  const member = conversation.members.get(userId)
  if (!member) return rejected('not_member', 'you are not a member of this conversation')
  if (upTo > conversation.lastSeq) {
    return rejected('conflict', `upTo is ${upTo}, but the last message is ${conversation.lastSeq}`)
  }
  const before = watermarksOf(state, userId)
  const said = (kind === 'delivered' ? before.devices.get(deviceId) : before.read) ?? NO_SEQ
  if (upTo < said)
    return rejected('conflict', `upTo is ${upTo}, but the ${kind} watermark is already ${said}`)
  const answer = (at: Millis) => ({ upTo, at: toldAt(conversation, upTo, at) })
  // Of a time before they came, perhaps again: true, and no fact of this membership.
  if (upTo <= member.joinedSeq) return alreadyDone(answer(state.lastAt || command.at))
  const deviceHas = atLeast(deviceWatermark(before, deviceId), member.joinedSeq)
  const stands = kind === 'delivered' ? deviceHas : atLeast(before.read, member.joinedSeq)

  const at = notBefore(state, command.at)
  const { conversationId } = state
  const fact = (type: 'MessageDelivered' | 'MessageRead', fromSeq: Seq): DeliveryEvent => ({
    type,
    at,
    conversationId,
    deviceId,
    fromSeq,
    toSeq: upTo,
    userId,
  })
  const events: DeliveryEvent[] = []
  if (upTo > deviceHas) events.push(fact('MessageDelivered', next(deviceHas)))
  if (kind === 'read' && upTo > stands) events.push(fact('MessageRead', next(stands)))
  return events.length > 0 ? accepted(events, answer(at)) : alreadyDone(answer(state.lastAt))
}

/** A try is a fact even when the acknowledgement that it caused was recorded first. */
function recordAttempt(
  command: RecordAttempt,
  state: DeliveryState,
  conversation: ConversationState,
): Decided<'record-attempt'> {
  const { userId, fromSeq, toSeq, channel, outcome, error } = command
  if (conversation.kind === undefined) return rejected('not_found', 'no such conversation')
  if (!conversation.members.has(userId)) return rejected('not_member', 'this person is no longer a member')
  const attempt = watermarksOf(state, userId).attempts + 1
  const event: DeliveryEvent = {
    type: 'DeliveryAttempted',
    conversationId: state.conversationId,
    at: notBefore(state, command.at),
    userId,
    fromSeq,
    toSeq,
    channel,
    attempt,
    outcome,
    ...(error === undefined ? {} : { error }),
  }
  const pending = pendingFor(command, state, conversation)
  return accepted([event], pending ? { attempt, pending } : { attempt })
}

function recordExhausted(
  command: RecordExhausted,
  state: DeliveryState,
  conversation: ConversationState,
): Decided<'record-exhausted'> {
  const pending = pendingFor(command, state, conversation)
  // What has come since the last try is new.
  if (!pending || command.toSeq < pending.fromSeq) return alreadyDone({ recorded: false })
  const { attempts } = watermarksOf(state, command.userId)
  return accepted(
    [
      {
        type: 'DeliveryExhausted',
        conversationId: state.conversationId,
        at: notBefore(state, command.at),
        userId: command.userId,
        fromSeq: pending.fromSeq,
        toSeq: command.toSeq,
        attempts,
      },
    ],
    { recorded: true },
  )
}

/**
 * What a member has on no device yet. Someone who is no member waits for nothing, and nobody waits for their own
 * messages; beyond the messages that the state remembers there may be others', so those count as missing.
 */
function pendingFor(
  { userId }: { readonly userId: Acknowledge['userId'] },
  state: DeliveryState,
  conversation: ConversationState,
): { readonly fromSeq: Seq; readonly toSeq: Seq } | undefined {
  const member = conversation.members.get(userId)
  if (!member) return undefined
  const has = atLeast(watermarksOf(state, userId).delivered, member.joinedSeq)
  if (has >= conversation.lastSeq) return undefined
  const remembered = oldestSeq(conversation.recent) ?? next(conversation.lastSeq)
  const waits =
    next(has) < remembered ||
    recentBetween(conversation.recent, next(has), conversation.lastSeq).some(
      ({ senderId }) => senderId !== userId,
    )
  return waits ? { fromSeq: next(has), toSeq: conversation.lastSeq } : undefined
}

const atLeast = (watermark: Seq, base: Seq): Seq => (watermark > base ? watermark : base)
const next = (seq: Seq): Seq => (seq + 1) as Seq
const notBefore = (state: DeliveryState, at: Millis): Millis => (at > state.lastAt ? at : state.lastAt)

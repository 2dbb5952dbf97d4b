/** Compares what the clients saw with what the ledger holds, message by message and person by person. Pure. */
import type { UserId } from '../../domain/ids.ts'
import type { Actor } from './actor.ts'
import type { Held, HeldConversation } from './held.ts'
import type { Played } from './played.ts'
import { leastOf, recipientsOf, type Tick, tickOf } from './ticks.ts'

/** `delivered` and `read` count a message once for every recipient. */
export interface Counts {
  sent: number
  delivered: number
  read: number
  /** The final state of every message. */
  readonly ticks: Record<Tick, number>
}

export interface Verdict {
  readonly messages: number
  readonly people: number
  readonly conversations: number
  readonly events: number
  readonly skipped: number
  readonly clients: Counts
  readonly ledger: Counts
  /** Confirmed but not in the ledger, or in it but never seen by a recipient, or never confirmed at all. */
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Another text than was sent. */
  readonly altered: number
  /** Messages whose sender sees another tick than the ledger tells. */
  readonly wrongTicks: number
  readonly problems: readonly string[]
  readonly passed: boolean
}

export function judge(played: Played, held: Held): Verdict {
  const { trace, people, sent, faults, altered, problems } = played
  const clients = noCounts()
  const ledger = noCounts()
  let lost = trace.messages.length - sent.size
  let wrongTicks = 0

  for (const [index, { conversationId, messageId, seq }] of sent) {
    const { from, to } = trace.messages[index] as Played['trace']['messages'][number]
    const sender = people[from] as Actor
    const others = recipientsOf(trace, people, from, to)
    const conversation = held.conversations.get(conversationId)
    const stored = conversation?.messages[seq - 1]
    clients.sent++
    if (stored?.messageId === messageId && stored.senderId === sender.userId) ledger.sent++
    else lost++

    const seen = leastOf(sender, conversationId, others)
    const shown = tickOf(seq, seen.delivered, seen.read)
    clients.ticks[shown]++
    const known = leastHeld(conversation, others)
    const recorded = tickOf(seq, known.delivered, known.read)
    ledger.ticks[recorded]++
    if (shown !== recorded) wrongTicks++
  }

  for (const [conversationId, { messages, members, delivered, read }] of held.conversations) {
    for (const userId of members) {
      const thread = people[indexOf(userId)]?.threads.get(conversationId)
      for (const [index, { senderId }] of messages.entries()) {
        if (senderId === userId) continue
        const seq = index + 1
        if (thread?.has(seq)) clients.delivered++
        else lost++
        if ((thread?.acknowledged.read ?? 0) >= seq) clients.read++
        if ((delivered.get(userId) ?? 0) >= seq) ledger.delivered++
        if ((read.get(userId) ?? 0) >= seq) ledger.read++
      }
    }
  }

  const doubled = faults.doubled + held.doubled
  const outOfOrder = faults.outOfOrder + held.outOfOrder
  return {
    messages: trace.messages.length,
    people: people.length,
    conversations: held.conversations.size,
    events: held.events,
    skipped: trace.skipped,
    clients,
    ledger,
    lost,
    doubled,
    outOfOrder,
    altered,
    wrongTicks,
    problems,
    passed: lost + doubled + outOfOrder + altered + wrongTicks + problems.length === 0,
  }
}

const noCounts = (): Counts => ({ sent: 0, delivered: 0, read: 0, ticks: { sent: 0, delivered: 0, read: 0 } })

/** People are named `<run>.<index>`. */
const indexOf = (userId: UserId): number => Number(userId.slice(userId.lastIndexOf('.') + 1))

function leastHeld(
  conversation: HeldConversation | undefined,
  others: readonly UserId[],
): { delivered: number; read: number } {
  let delivered = Number.POSITIVE_INFINITY
  let read = Number.POSITIVE_INFINITY
  for (const userId of others) {
    delivered = Math.min(delivered, conversation?.delivered.get(userId) ?? 0)
    read = Math.min(read, conversation?.read.get(userId) ?? 0)
  }
  return { delivered, read }
}

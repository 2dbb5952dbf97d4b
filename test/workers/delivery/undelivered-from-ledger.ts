/**
 * What the read models would say about who waits, folded from the whole ledger at every question: slow, and never behind. Whoever
 * is called `nobody…` never connected.
 */
import { recentBetween } from '../../../domain/conversation/recent-messages.ts'
import { evolveConversation, initialConversation } from '../../../domain/conversation/state.ts'
import { evolveDelivery, initialDelivery, watermarksOf } from '../../../domain/delivery/state.ts'
import type { ConversationEvent, DeliveryEvent } from '../../../domain/events.ts'
import type { ConversationId, Millis, Seq, UserId } from '../../../domain/ids.ts'
import { decode } from '../../../ledger/codec/decode.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import { CONVERSATION_PREFIXES } from '../../../ledger/streams.ts'
import type { Undelivered, WaitingRange } from '../../../workers/delivery/undelivered.ts'

interface Waits extends WaitingRange {
  readonly userId: UserId
  readonly since: Millis
  readonly isGivenUp: boolean
}

export function undeliveredFromLedger(ledger: Pick<Ledger, 'readAll'>): Undelivered {
  const people = (waits: readonly Waits[]) =>
    [...new Set(waits.map(({ userId }) => userId))]
      .sort()
      .map((userId) => ({ userId, hasConnected: !userId.startsWith('nobody') }))
  return {
    people: async ({ olderThan, limit, afterUserId = '' as UserId }) => {
      const old = (await everybodyWho(ledger)).filter((w) => w.since < olderThan && !w.isGivenUp)
      return people(old)
        .filter(({ userId }) => userId > afterUserId)
        .slice(0, limit)
    },
    in: async (conversationIds, olderThan) => {
      const waits = await everybodyWho(ledger)
      return people(waits.filter((w) => w.since < olderThan && conversationIds.includes(w.conversationId)))
    },
    of: async (userId) => (await everybodyWho(ledger)).filter((w) => w.userId === userId && !w.isGivenUp),
    waitFor: async () => true,
  }
}

async function everybodyWho(ledger: Pick<Ledger, 'readAll'>): Promise<Waits[]> {
  const worlds = new Map<ConversationId, ReturnType<typeof emptyWorld>>()
  for await (const recorded of ledger.readAll({ prefixes: CONVERSATION_PREFIXES })) {
    const event = decode(recorded)
    const { conversationId } = event
    const world = worlds.get(conversationId) ?? emptyWorld(conversationId)
    worlds.set(conversationId, world)
    if (event.type === 'DeliveryExhausted') world.givenUp.set(event.userId, event.toSeq)
    if (event.type === 'MessageDelivered') world.givenUp.delete(event.userId)
    if (recorded.stream.startsWith('delivery-')) evolveDelivery(world.delivery, event as DeliveryEvent)
    else evolveConversation(world.conversation, event as ConversationEvent)
  }
  return [...worlds.values()].flatMap(({ conversationId, conversation, delivery, givenUp }) =>
    [...conversation.members].flatMap(([userId, { joinedSeq }]) => {
      const has = Math.max(joinedSeq, watermarksOf(delivery, userId).delivered) as Seq
      const range = { fromSeq: (has + 1) as Seq, toSeq: conversation.lastSeq }
      const oldest = recentBetween(conversation.recent, range.fromSeq, range.toSeq).find(
        ({ senderId }) => senderId !== userId,
      )
      const isGivenUp = (givenUp.get(userId) ?? 0) >= range.toSeq
      return oldest ? [{ conversationId, ...range, userId, since: oldest.at, isGivenUp }] : []
    }),
  )
}

const emptyWorld = (conversationId: ConversationId) => ({
  conversationId,
  conversation: initialConversation(conversationId),
  delivery: initialDelivery(conversationId),
  givenUp: new Map<UserId, Seq>(),
})

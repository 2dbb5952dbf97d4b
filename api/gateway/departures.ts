/**
 * Who has just left a conversation, here or on another node. What is told of messages has its place in the conversation and is
 * exact; receipts have none, and are decided on what a node knows of the members: for a moment it may not know of the
 * leaving. In that moment they are held back here, so that the leaving is the last that the leaver hears.
 */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Delivery } from './session.ts'

export interface Departures {
  /** Remembers who left, and forgets who is back. To be told of each delivery after it was made. */
  note(delivery: Delivery, recipients: readonly UserId[]): void
  /** Whether this is not for this person any more. */
  holdsBack(delivery: Delivery, userId: UserId): boolean
}

/** Far longer than a push between nodes takes. */
const MOMENT_MS = 10_000

export function createDepartures(now: () => number = () => performance.now()): Departures {
  /** When they left; nearly always empty. */
  const left = new Map<string, number>()
  const keyOf = (conversationId: ConversationId, userId: UserId) => `${conversationId} ${userId}`

  function forgetOld(): void {
    for (const [key, at] of left) {
      if (now() - at < MOMENT_MS) return
      left.delete(key)
    }
  }

  return {
    note: ({ place }, recipients) => {
      if (!place) return
      const { conversationId, begins, membership } = place
      if (begins) for (const userId of recipients) left.delete(keyOf(conversationId, userId))
      if (!membership) return
      forgetOld()
      const key = keyOf(conversationId, membership.userId)
      left.delete(key)
      if (membership.change === 'left') left.set(key, now())
    },
    holdsBack: ({ place, json }, userId) => {
      if (place || left.size === 0) return false
      forgetOld()
      const { conversationId } = JSON.parse(json) as { readonly conversationId?: ConversationId }
      return conversationId !== undefined && left.has(keyOf(conversationId, userId))
    },
  }
}

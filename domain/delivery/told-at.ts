/** When a receipt is told to have been, which need not be when it is recorded to have been. Pure. */
import { recentBetween } from '../conversation/recent-messages.ts'
import type { ConversationState } from '../conversation/state.ts'
import type { Millis, Seq } from '../ids.ts'

/**
 * Not before the last message that it covers: two nodes' clocks differ by tens of milliseconds (87 were seen), and one that was set back by an hour
 * leaves messages of an hour from now. Of messages that are no longer remembered the read models say the same.
 */
export function toldAt({ recent }: Pick<ConversationState, 'recent'>, upTo: Seq, at: Millis): Millis {
  const sentAt = recentBetween(recent, upTo, upTo)[0]?.at ?? at
  return at > sentAt ? at : sentAt
}

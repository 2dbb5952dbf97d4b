/** The ticks of a message as its sender's client shows them, from the receipts that came over its sockets. Pure. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Actor } from './actor.ts'
import type { Trace } from './trace.ts'

export type Tick = 'sent' | 'delivered' | 'read'

export const tickOf = (seq: number, delivered: number, read: number): Tick =>
  read >= seq ? 'read' : delivered >= seq ? 'delivered' : 'sent'

/** How far all of the others are: the least of what is known of each. */
export function leastOf(
  actor: Actor,
  conversationId: ConversationId,
  others: readonly UserId[],
): { delivered: number; read: number } {
  const known = actor.threads.get(conversationId)?.others
  let delivered = Number.POSITIVE_INFINITY
  let read = Number.POSITIVE_INFINITY
  for (const userId of others) {
    const progress = known?.get(userId)
    delivered = Math.min(delivered, progress?.delivered ?? 0)
    read = Math.min(read, progress?.read ?? 0)
  }
  return { delivered, read }
}

/** Everybody but the sender: the other one of a pair, or all of the group. */
export function recipientsOf(
  trace: Trace,
  people: readonly Actor[],
  from: number,
  to: number | undefined,
): UserId[] {
  const indexes = to === undefined ? trace.people.map((_, person) => person) : [to]
  return indexes.filter((person) => person !== from).map((person) => (people[person] as Actor).userId)
}

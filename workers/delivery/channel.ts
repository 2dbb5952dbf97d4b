/** A way to reach a person: the socket today, web push later. Records nothing; the attempt does. */
import type { DeliveryChannel } from '../../domain/events.ts'
import type { UserId } from '../../domain/ids.ts'

/** `offline`: there is nobody to push to. `pushed`: it was sent, which says nothing about whether it arrived. */
export type Push =
  | { readonly outcome: 'pushed' | 'offline' }
  | { readonly outcome: 'failed'; readonly error: string }

export interface Channel {
  readonly name: DeliveryChannel
  /** Those of the people for whom a push would reach a device now, as far as is known. Rejects if nobody knows. */
  reachable(userIds: readonly UserId[]): Promise<readonly UserId[]>
  /** Tells the person's devices to fetch what they miss: ids at most, never a body. Does not reject. */
  push(userId: UserId): Promise<Push>
}

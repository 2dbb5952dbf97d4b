/** What several deciders of a conversation ask first: who may, how many, and when. Pure. */
import { type Rejected, rejected } from '../decision.ts'
import type { Millis, UserId } from '../ids.ts'
import type { ConversationState } from './state.ts'

/** WhatsApp's limit; the fan-out of a send and the size of a state are bounded by it. */
export const MAX_MEMBERS = 1024

export function refuseStranger(state: ConversationState, userId: UserId): Rejected | undefined {
  if (state.kind === undefined) return rejected('not_found', 'no such conversation')
  if (!state.members.has(userId)) return rejected('not_member', 'you are not a member of this conversation')
  return undefined
}

export function refuseNonAdmin(state: ConversationState, userId: UserId): Rejected | undefined {
  const direct = refuseDirect(state)
  if (direct) return direct
  if (state.members.get(userId)?.role !== 'admin') return rejected('forbidden', 'only admins change a group')
  return undefined
}

export function refuseDirect(state: ConversationState): Rejected | undefined {
  return state.kind === 'direct'
    ? rejected('conflict', 'a direct conversation is between its two members as they are')
    : undefined
}

export const tooManyMembers = (): Rejected =>
  rejected('too_large', `a group has at most ${MAX_MEMBERS} members`)

/** Clocks of different nodes differ; the times of one stream never go back. */
export const notBefore = (state: ConversationState, at: Millis): Millis =>
  at > state.lastAt ? at : state.lastAt

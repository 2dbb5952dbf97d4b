/** What somebody is, or was, in a conversation; and which error it is when nothing. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import { type Membership, membershipOf } from '../../projections/queries/membership.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiProblem } from '../problem.ts'

/** Former members keep what they had; the queries show them no more than that. */
export async function requireMembership(
  { pool, handler }: Pick<ApiDeps, 'pool' | 'handler'>,
  id: ConversationId,
  userId: UserId,
): Promise<Membership> {
  const membership = await membershipOf(pool, id, userId)
  if (membership) return membership
  const state = await handler.conversation(id)
  if (state.kind === undefined) throw new ApiProblem('not_found', 'no such conversation')
  throw new ApiProblem('not_member', 'you are not a member of it')
}

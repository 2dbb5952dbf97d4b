/** Who is in a group, in which role, and under which name. Pure. */
import { accepted, nothingToDo, rejected } from '../decision.ts'
import type { MemberRoleChanged } from '../events.ts'
import type { UserId } from '../ids.ts'
import type { AddMembers, ChangeRole, Decided, RemoveMember, Rename } from './commands.ts'
import {
  MAX_MEMBERS,
  notBefore,
  refuseDirect,
  refuseNonAdmin,
  refuseStranger,
  tooManyMembers,
} from './rules.ts'
import type { ConversationState } from './state.ts'

export function addMembers(command: AddMembers, state: ConversationState): Decided<'add-members'> {
  const refusal = refuseStranger(state, command.by) ?? refuseNonAdmin(state, command.by)
  if (refusal) return refusal
  const fresh = [...new Set(command.userIds)].filter((userId) => !state.members.has(userId))
  if (fresh.length === 0) return nothingToDo({ added: [] })
  if (state.members.size + fresh.length > MAX_MEMBERS) return tooManyMembers()
  const at = notBefore(state, command.at)
  return accepted(
    fresh.map((userId) => ({
      type: 'MemberAdded' as const,
      conversationId: state.conversationId,
      at,
      userId,
      role: 'member' as const,
      by: command.by,
      afterSeq: state.lastSeq,
    })),
    { added: fresh.map((userId) => ({ userId, role: 'member' as const })) },
  )
}

export function removeMember(command: RemoveMember, state: ConversationState): Decided<'remove-member'> {
  const leaving = command.userId === command.by
  const refusal =
    refuseStranger(state, command.by) ?? (leaving ? refuseDirect(state) : refuseNonAdmin(state, command.by))
  if (refusal) return refusal
  if (!state.members.has(command.userId)) return nothingToDo({ removed: false })
  const fact = { conversationId: state.conversationId, at: notBefore(state, command.at), by: command.by }
  return accepted(
    [
      ...handOver(command.userId, state, fact),
      { type: 'MemberRemoved', ...fact, userId: command.userId, afterSeq: state.lastSeq },
    ],
    { removed: true },
  )
}

/**
 * A group that has members has an admin: when the last one leaves, whoever has been there longest is made one, in the same
 * append and before the leaving.
 */
function handOver(
  leaver: UserId,
  state: ConversationState,
  fact: Pick<MemberRoleChanged, 'conversationId' | 'at' | 'by'>,
): readonly MemberRoleChanged[] {
  if (!isLastAdmin(leaver, state)) return []
  for (const userId of state.members.keys()) {
    if (userId !== leaver) return [{ type: 'MemberRoleChanged', ...fact, userId, role: 'admin' }]
  }
  return []
}

export function changeRole(command: ChangeRole, state: ConversationState): Decided<'change-role'> {
  const { by, userId, role } = command
  const refusal = refuseStranger(state, by) ?? refuseNonAdmin(state, by)
  if (refusal) return refusal
  const member = state.members.get(userId)
  if (!member) return rejected('not_found', 'this person is not a member')
  if (member.role === role) return nothingToDo({ changed: false })
  if (role !== 'admin' && isLastAdmin(userId, state)) {
    return rejected('conflict', 'you are the last admin: make somebody else an admin first, or leave')
  }
  const { conversationId } = state
  const at = notBefore(state, command.at)
  return accepted([{ type: 'MemberRoleChanged', conversationId, at, userId, role, by }], { changed: true })
}

export function rename(command: Rename, state: ConversationState): Decided<'rename'> {
  const { by, title } = command
  const refusal = refuseStranger(state, by) ?? refuseNonAdmin(state, by)
  if (refusal) return refusal
  if (title === state.title) return nothingToDo({ renamed: false })
  const { conversationId } = state
  const fact = { conversationId, at: notBefore(state, command.at), by }
  return accepted([{ type: 'ConversationRenamed', ...fact, ...(title === undefined ? {} : { title }) }], {
    renamed: true,
  })
}

function isLastAdmin(userId: UserId, { members }: ConversationState): boolean {
  if (members.get(userId)?.role !== 'admin') return false
  for (const [other, { role }] of members) if (other !== userId && role === 'admin') return false
  return true
}

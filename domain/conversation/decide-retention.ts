/** How long bodies are kept, and that some are no more. Pure. */
import { accepted, nothingToDo, rejected } from '../decision.ts'
import { PERMANENT, sameRetention } from '../retention.ts'
import { hasSeq } from '../seq-ranges.ts'
import type { ChangeRetention, Decided, Expire } from './commands.ts'
import { notBefore, refuseNonAdmin, refuseStranger } from './rules.ts'
import type { ConversationState } from './state.ts'

/** In a group an admin; of two people either may. */
export function changeRetention(
  command: ChangeRetention,
  state: ConversationState,
): Decided<'change-retention'> {
  const { by, retention } = command
  const refusal =
    refuseStranger(state, by) ?? (state.kind === 'direct' ? undefined : refuseNonAdmin(state, by))
  if (refusal) return refusal
  if (sameRetention(retention, state.retention ?? PERMANENT)) return nothingToDo({ changed: false })
  const { conversationId } = state
  const at = notBefore(state, command.at)
  return accepted([{ type: 'RetentionChanged', conversationId, at, retention, by }], { changed: true })
}

/** Of those that are named, the ones that were not said to be gone before: whoever removes bodies may be interrupted and begin again. */
export function expire(command: Expire, state: ConversationState): Decided<'expire'> {
  if (state.kind === undefined) return rejected('not_found', 'no such conversation')
  const { conversationId } = state
  const at = notBefore(state, command.at)
  const gone = command.messages.filter(({ seq }) => hasSeq(state.temporary, seq))
  if (gone.length === 0) return nothingToDo({ expired: 0 })
  return accepted(
    gone.map(({ seq, messageId, reason }) => ({
      type: 'MessageExpired' as const,
      conversationId,
      at,
      seq,
      messageId,
      reason,
    })),
    { expired: gone.length },
  )
}

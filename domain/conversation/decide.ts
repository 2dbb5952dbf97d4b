/** The rules of a conversation: who may say what, and the dense numbering of its messages. Pure. */
import type { Body } from '../body.ts'
import { accepted, alreadyDone, type Decision, needsMessage, rejected } from '../decision.ts'
import type { ConversationEvent } from '../events.ts'
import { type MessageId, NO_SEQ, type Seq } from '../ids.ts'
import { PERMANENT, temporaryFor } from '../retention.ts'
import type {
  ConversationCommand,
  ConversationResult,
  Decided,
  Delete,
  LookUp,
  Send,
  Start,
} from './commands.ts'
import { addMembers, changeRole, removeMember, rename } from './decide-members.ts'
import { changeRetention, expire } from './decide-retention.ts'
import { lateDeletionOf } from './late-deletions.ts'
import { findRecent, type KnownMessage, oldestSeq } from './recent-messages.ts'
import { MAX_MEMBERS, notBefore, refuseStranger, tooManyMembers } from './rules.ts'
import type { ConversationState } from './state.ts'

export function decideConversation(
  command: ConversationCommand,
  state: ConversationState,
): Decision<ConversationEvent<Body>, ConversationResult> {
  switch (command.type) {
    case 'start':
      return start(command, state)
    case 'send':
      return send(command, state)
    case 'delete':
      return deleteMessage(command, state)
    case 'add-members':
      return addMembers(command, state)
    case 'remove-member':
      return removeMember(command, state)
    case 'change-role':
      return changeRole(command, state)
    case 'rename':
      return rename(command, state)
    case 'change-retention':
      return changeRetention(command, state)
    case 'expire':
      return expire(command, state)
    default:
      return command satisfies never
  }
}

function start(command: Start, state: ConversationState): Decided<'start'> {
  if (state.kind !== undefined) {
    return state.members.has(command.by)
      ? alreadyDone({ created: false })
      : rejected('conflict', 'a conversation with this id exists already')
  }
  const others = [...new Set(command.members)].filter((userId) => userId !== command.by)
  if (command.kind === 'direct' && others.length !== 1) {
    return rejected('conflict', 'a direct conversation has exactly one other member')
  }
  if (others.length + 1 > MAX_MEMBERS) return tooManyMembers()
  const members = [
    { userId: command.by, role: command.kind === 'group' ? ('admin' as const) : ('member' as const) },
    ...others.map((userId) => ({ userId, role: 'member' as const })),
  ]
  const { conversationId } = state
  const { at, by, kind, title, retention = PERMANENT } = command
  const started = { type: 'ConversationStarted', conversationId, at, kind, members, by } as const
  const events: ConversationEvent<Body>[] = [title === undefined ? started : { title, ...started }]
  if (retention.mode !== 'permanent') {
    events.push({ type: 'RetentionChanged', conversationId, at, retention, by })
  }
  return accepted(events, { created: true })
}

function send(command: Send, state: ConversationState): Decided<'send'> {
  if (state.kind === undefined) return rejected('not_found', 'no such conversation')
  const earlier = findMessage(command, state, command.clientAt <= (state.forgotten.get(command.by) ?? -1))
  if (earlier === 'look-up') return lookUp(state)
  // Once accepted it stays accepted: a resend gets the first answer for ever, deleted or not.
  // Whoever was removed since gets it too: the message is there, and its id says that it is theirs.
  if (earlier) return alreadyDone({ seq: earlier.seq, at: earlier.at })
  const refusal = refuseStranger(state, command.by)
  if (refusal) return refusal
  const seq = (state.lastSeq + 1) as Seq
  const at = notBefore(state, command.at)
  const { messageId, deviceId, nonce, clientAt, body } = command
  const { conversationId } = state
  const event = {
    type: 'MessageSent',
    at,
    body,
    clientAt,
    conversationId,
    deviceId,
    messageId,
    nonce,
    senderId: command.by,
    seq,
  } as const
  const temporary = temporaryFor(state.retention ?? PERMANENT, at)
  return accepted([temporary === undefined ? event : { temporary, ...event }], { seq, at })
}

function deleteMessage(command: Delete, state: ConversationState): Decided<'delete'> {
  const refusal = refuseStranger(state, command.by)
  if (refusal) return refusal
  const message = findMessage(command, state, (oldestSeq(state.recent) ?? 1) > 1)
  if (message === 'look-up') return lookUp(state)
  if (!message) return rejected('not_found', 'no such message in this conversation')
  if (message.senderId !== command.by) return rejected('forbidden', 'only its sender deletes a message')
  const { seq, messageId, deletedAt } = message
  if (deletedAt !== undefined) return alreadyDone({ seq, at: deletedAt })
  const { conversationId } = state
  const at = notBefore(state, command.at)
  return accepted([{ type: 'MessageDeleted', conversationId, at, seq, messageId, by: command.by }], {
    seq,
    at,
  })
}

const lookUp = (state: ConversationState) => needsMessage(state.lastSeq, state.lateDeletions.count)

/** The message in the state, or what a look-up found, or that one is needed because it may be older than the state remembers. */
function findMessage(
  wanted: { readonly messageId: MessageId; readonly lookUp?: LookUp },
  state: ConversationState,
  mayBeForgotten: boolean,
): KnownMessage | undefined | 'look-up' {
  const recent = findRecent(state.recent, wanted.messageId)
  if (recent) return recent
  const { found, asked } = wanted.lookUp ?? {}
  if (found) {
    if (found.deletedAt !== undefined) return found
    const deletedAt = lateDeletionOf(state.lateDeletions, found.seq, asked?.lateDeletions ?? 0)
    if (deletedAt === 'unknown') return 'look-up'
    return deletedAt === undefined ? found : { ...found, deletedAt }
  }
  if (!mayBeForgotten) return undefined
  // "There was none" holds only as long as everything that came since is still remembered.
  const remembered = oldestSeq(state.recent) ?? state.lastSeq + 1
  const proven = found === null && remembered <= (asked?.upToSeq ?? NO_SEQ) + 1
  return proven ? undefined : 'look-up'
}

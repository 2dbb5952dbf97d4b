/** The rules of a conversation: who may say what, and the dense numbering of its messages. Pure. */
import type { Body } from '../body.ts'
import {
  accepted,
  alreadyDone,
  type Decision,
  needsMessage,
  nothingToDo,
  type Rejected,
  rejected,
} from '../decision.ts'
import type { ConversationEvent } from '../events.ts'
import { type MessageId, type Millis, NO_SEQ, type Seq, type UserId } from '../ids.ts'
import type {
  AddMembers,
  ConversationCommand,
  ConversationResult,
  ConversationResults,
  Delete,
  RemoveMember,
  Send,
  Start,
} from './commands.ts'
import type { ConversationState, KnownMessage } from './state.ts'

/** WhatsApp's limit; the fan-out of a send and the size of a state are bounded by it. */
export const MAX_MEMBERS = 1024

type Decided<Name extends keyof ConversationResults> = Decision<
  ConversationEvent<Body>,
  ConversationResults[Name]
>

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
  return accepted(
    [
      {
        type: 'ConversationStarted',
        conversationId: state.conversationId,
        at: command.at,
        kind: command.kind,
        members,
        ...(command.title === undefined ? {} : { title: command.title }),
        by: command.by,
      },
    ],
    { created: true },
  )
}

function send(command: Send, state: ConversationState): Decided<'send'> {
  if (state.kind === undefined) return rejected('not_found', 'no such conversation')
  const earlier = findMessage(command, state, command.clientAt <= (state.forgotten.get(command.by) ?? -1))
  if (earlier === 'look-up') return needsMessage(state.lastSeq)
  // Once accepted it stays accepted: a resend gets the first answer for ever, deleted or not.
  // Whoever was removed since gets it too: the message is there, and its id says that it is theirs.
  if (earlier) return alreadyDone({ seq: earlier.seq, at: earlier.at })
  const refusal = refuseStranger(state, command.by)
  if (refusal) return refusal
  const seq = (state.lastSeq + 1) as Seq
  const at = notBefore(state, command.at)
  const { messageId, deviceId, nonce, clientAt, body } = command
  return accepted(
    [
      {
        type: 'MessageSent',
        conversationId: state.conversationId,
        at,
        seq,
        messageId,
        senderId: command.by,
        deviceId,
        nonce,
        clientAt,
        body,
      },
    ],
    { seq, at },
  )
}

function deleteMessage(command: Delete, state: ConversationState): Decided<'delete'> {
  const refusal = refuseStranger(state, command.by)
  if (refusal) return refusal
  const message = findMessage(command, state, state.lastSeq > state.recent.length)
  if (message === 'look-up') return needsMessage(state.lastSeq)
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

function addMembers(command: AddMembers, state: ConversationState): Decided<'add-members'> {
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

function removeMember(command: RemoveMember, state: ConversationState): Decided<'remove-member'> {
  const leaving = command.userId === command.by
  const refusal =
    refuseStranger(state, command.by) ?? (leaving ? refuseDirect(state) : refuseNonAdmin(state, command.by))
  if (refusal) return refusal
  if (!state.members.has(command.userId)) return nothingToDo({ removed: false })
  return accepted(
    [
      {
        type: 'MemberRemoved',
        conversationId: state.conversationId,
        at: notBefore(state, command.at),
        userId: command.userId,
        by: command.by,
        afterSeq: state.lastSeq,
      },
    ],
    { removed: true },
  )
}

/** The message in the state, or what a look-up found, or that one is needed because it may be older than the state remembers. */
function findMessage(
  wanted: {
    readonly messageId: MessageId
    readonly found?: KnownMessage | null
    readonly soughtUpTo?: Seq
  },
  state: ConversationState,
  mayBeForgotten: boolean,
): KnownMessage | undefined | 'look-up' {
  const recent = state.recent.find((message) => message.messageId === wanted.messageId)
  if (recent) return recent
  if (wanted.found) return wanted.found
  if (!mayBeForgotten) return undefined
  // "There was none" holds only as long as everything that came since is still remembered.
  const remembered = state.recent[0]?.seq ?? state.lastSeq + 1
  const proven = wanted.found === null && remembered <= (wanted.soughtUpTo ?? NO_SEQ) + 1
  return proven ? undefined : 'look-up'
}

function refuseStranger(state: ConversationState, userId: UserId): Rejected | undefined {
  if (state.kind === undefined) return rejected('not_found', 'no such conversation')
  if (!state.members.has(userId)) return rejected('not_member', 'you are not a member of this conversation')
  return undefined
}

function refuseNonAdmin(state: ConversationState, userId: UserId): Rejected | undefined {
  const direct = refuseDirect(state)
  if (direct) return direct
  if (state.members.get(userId)?.role !== 'admin')
    return rejected('forbidden', 'only admins change the members')
  return undefined
}

function refuseDirect(state: ConversationState): Rejected | undefined {
  return state.kind === 'direct'
    ? rejected('conflict', 'the two members of a direct conversation do not change')
    : undefined
}

const tooManyMembers = (): Rejected => rejected('too_large', `a group has at most ${MAX_MEMBERS} members`)

/** Clocks of different nodes differ; the times of one stream never go back. */
const notBefore = (state: ConversationState, at: Millis): Millis => (at > state.lastAt ? at : state.lastAt)

/** What a conversation's decider knows, folded from `conversation-<id>`. Plain data, so that a snapshot is its JSON. */
import type { ConversationEvent, ConversationKind, Role } from '../events.ts'
import { type ConversationId, type Millis, NO_SEQ, type Seq, type UserId } from '../ids.ts'
import type { Retention } from '../retention.ts'
import { appendSeq, removeSeq, type SeqRanges } from '../seq-ranges.ts'
import { type LateDeletions, NO_LATE_DELETIONS, noteLate } from './late-deletions.ts'
import {
  oldestSeq,
  type RecentMessage,
  type RecentMessages,
  remember,
  withDeletion,
} from './recent-messages.ts'

export interface Member {
  readonly role: Role
  /** Messages up to here were before this person's time. */
  readonly joinedSeq: Seq
}

export interface ConversationState {
  readonly conversationId: ConversationId
  /** Absent: the conversation does not exist. */
  kind?: ConversationKind
  title?: string
  /** Of the messages that come. Absent: permanent. */
  retention?: Retention
  startedAt: Millis
  /** Current members only, in the order of their joining. Entries are replaced, never changed. */
  members: Map<UserId, Member>
  lastSeq: Seq
  /** Time of the newest fact; no later fact is given an earlier one. */
  lastAt: Millis
  recent: RecentMessages
  /**
   * Per sender, the latest `clientAt` among their messages that are no longer in `recent`. A message id covers its
   * `clientAt`, so a message with a later one cannot be a resend of a forgotten message, whatever the sender's clock.
   */
  forgotten: Map<UserId, Millis>
  /** Of messages that were no longer in `recent` when they were deleted. */
  lateDeletions: LateDeletions
  /** Messages with a temporary body that is not known to be gone. */
  temporary: SeqRanges
}

/** Changes whenever the fold or the shape of the state does: snapshots of another version are ignored. */
export const CONVERSATION_STATE_VERSION = 4

export const initialConversation = (conversationId: ConversationId): ConversationState => ({
  conversationId,
  startedAt: 0 as Millis,
  members: new Map(),
  lastSeq: NO_SEQ,
  lastAt: 0 as Millis,
  recent: [],
  forgotten: new Map(),
  lateDeletions: NO_LATE_DELETIONS,
  temporary: [],
})

/**
 * A copy to fold into while the original stays as it is: one shallow copy a batch instead of one an event. Assigned, since V8 looks up each
 * field that a literal gives again after its spread (4 µs a draft).
 */
export function draftConversation(state: ConversationState): ConversationState {
  const draft = { ...state }
  draft.members = new Map(state.members)
  draft.forgotten = new Map(state.forgotten)
  return draft
}

/** Folds one fact into the state, in place, and returns it. */
export function evolveConversation(
  state: ConversationState,
  event: ConversationEvent<unknown>,
): ConversationState {
  state.lastAt = event.at
  switch (event.type) {
    case 'ConversationStarted':
      state.kind = event.kind
      state.startedAt = event.at
      if (event.title !== undefined) state.title = event.title
      for (const { userId, role } of event.members) state.members.set(userId, { role, joinedSeq: NO_SEQ })
      return state
    case 'MemberAdded':
      state.members.set(event.userId, { role: event.role, joinedSeq: event.afterSeq })
      return state
    case 'MemberRemoved':
      state.members.delete(event.userId)
      return state
    case 'MemberRoleChanged': {
      const joinedSeq = state.members.get(event.userId)?.joinedSeq ?? NO_SEQ
      state.members.set(event.userId, { role: event.role, joinedSeq })
      return state
    }
    case 'ConversationRenamed':
      if (event.title === undefined) delete state.title
      else state.title = event.title
      return state
    case 'MessageSent': {
      state.lastSeq = event.seq
      const { seq, messageId, senderId, deviceId, clientAt, at } = event
      const { recent, forgotten } = remember(state.recent, {
        seq,
        messageId,
        senderId,
        deviceId,
        clientAt,
        at,
      })
      state.recent = recent
      for (const message of forgotten) forget(state, message)
      if (event.temporary) state.temporary = appendSeq(state.temporary, seq)
      return state
    }
    case 'MessageDeleted':
      if (event.seq < (oldestSeq(state.recent) ?? 0))
        state.lateDeletions = noteLate(state.lateDeletions, event)
      else state.recent = withDeletion(state.recent, event.seq, event.at)
      state.temporary = removeSeq(state.temporary, event.seq)
      return state
    case 'MessageExpired':
      state.temporary = removeSeq(state.temporary, event.seq)
      return state
    case 'RetentionChanged':
      state.retention = event.retention
      return state
    default:
      return event satisfies never
  }
}

function forget(state: ConversationState, message: RecentMessage): void {
  // Below every time there is: a message of the epoch itself can be forgotten too.
  const before = state.forgotten.get(message.senderId) ?? -1
  if (message.clientAt > before) state.forgotten.set(message.senderId, message.clientAt)
}

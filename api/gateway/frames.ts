/** From facts to the frames that tell clients of them. Pure. */

import type { Body } from '../../domain/body.ts'
import type { ConversationState } from '../../domain/conversation/state.ts'
import type {
  ConversationRenamed,
  MemberAdded,
  MemberRemoved,
  MemberRoleChanged,
  MessageDeleted,
  MessageExpired,
  MessageSent,
  RetentionChanged,
} from '../../domain/events.ts'
import type { Millis, Seq } from '../../domain/ids.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type {
  ConversationFrame,
  DeletedFrame,
  MemberFrame,
  MessageFrame,
} from '../../protocol/server-frames.ts'

export const messageFrame = (event: MessageSent<Body>): MessageFrame => ({
  t: 'message',
  conversationId: event.conversationId,
  seq: event.seq,
  messageId: event.messageId,
  senderId: event.senderId,
  deviceId: event.deviceId,
  at: event.at,
  nonce: event.nonce,
  clientAt: event.clientAt,
  ...(event.temporary ? { temporary: event.temporary } : {}),
  body: event.body,
})

export const deletedFrame = ({ conversationId, seq, messageId, at }: MessageDeleted): DeletedFrame => ({
  t: 'deleted',
  conversationId,
  seq,
  messageId,
  at,
})

/** For who has it on the screen. Only a time to live says that it should go from there too. */
export const expiredFrame = ({
  conversationId,
  seq,
  messageId,
  at,
}: Omit<MessageExpired, 'type' | 'reason'>): DeletedFrame => ({
  t: 'deleted',
  conversationId,
  seq,
  messageId,
  at,
  reason: 'expired',
})

export const memberFrame = (event: MemberAdded | MemberRemoved): MemberFrame => ({
  t: 'member',
  conversationId: event.conversationId,
  userId: event.userId,
  change: event.type === 'MemberAdded' ? 'added' : 'removed',
  by: event.by,
  at: event.at,
})

export const roleFrame = ({ conversationId, userId, role, by, at }: MemberRoleChanged): MemberFrame => ({
  t: 'member',
  conversationId,
  userId,
  change: 'role',
  role,
  by,
  at,
})

export const renamedFrame = (
  state: ConversationState,
  lastSeq: Seq,
  { by, at }: ConversationRenamed,
): ConversationFrame => ({ ...conversationFrame(state, lastSeq, at), change: 'renamed', by })

export const retentionFrame = (
  state: ConversationState,
  lastSeq: Seq,
  { by, at }: RetentionChanged,
): ConversationFrame => ({ ...conversationFrame(state, lastSeq, at), change: 'retention', by })

/** @param at when this person came to be in it, or when it changed. */
export function conversationFrame(state: ConversationState, lastSeq: Seq, at: Millis): ConversationFrame {
  const { conversationId, kind = 'group', title, retention, members } = state
  return {
    t: 'conversation',
    conversationId,
    kind,
    ...(title === undefined ? {} : { title }),
    ...(retention === undefined ? {} : { retention }),
    memberCount: members.size,
    ...(members.size > LIMITS.membersInFrame
      ? {}
      : { members: [...members].map(([userId, { role }]) => ({ userId, role })) }),
    lastSeq,
    at,
  }
}

/**
 * From what a device missed, as the read models tell it, to frames, each with its place in the ledger. Pure. All but those of
 * conversations as a whole have their fields in the order in which they are pushed: by their bytes a session knows what it was told.
 */
import type { UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { MessageRecord } from '../../projections/queries/message.ts'
import type { MissedChanges } from '../../projections/queries/missed-changes.ts'
import type { MissedReceipt } from '../../projections/queries/missed-receipts.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import type { OpenedBody } from '../messages/open-bodies.ts'
import { messageView } from '../messages/views.ts'

export interface MissedFrame {
  readonly position: Position
  readonly frame: ServerFrame
}

/** What this person is in, and what happened around the messages. */
export const changeFrames = (userId: UserId, changes: MissedChanges): readonly MissedFrame[] => [
  ...changes.joined.flatMap((joined) => joinedFrames(userId, joined)),
  ...changes.members.map(memberFrame),
  ...changes.renamed.map((changed) => changedFrame('renamed', changed)),
  ...changes.retained.map((changed) => changedFrame('retention', changed)),
]

/** The conversation, and, as who is there at that moment is told, who added them. */
function joinedFrames(
  userId: UserId,
  { title, retention, members, addedBy, position, ...joined }: MissedChanges['joined'][number],
): readonly MissedFrame[] {
  const { conversationId, at } = joined
  const conversation = {
    t: 'conversation' as const,
    ...joined,
    ...(title === null ? {} : { title }),
    ...(retention === null ? {} : { retention }),
    ...(members === null ? {} : { members: [...members] }),
  }
  if (addedBy === null) return [{ position, frame: conversation }]
  const added = { t: 'member' as const, conversationId, userId, change: 'added' as const, by: addedBy, at }
  return [
    { position, frame: conversation },
    { position, frame: added },
  ]
}

/** This person's own leavings: the last of their conversations. */
export const leavingFrames = ({ left }: MissedChanges): readonly MissedFrame[] => left.map(memberFrame)

const memberFrame = ({ position, role, by, at, ...who }: MissedChanges['members'][number]): MissedFrame => ({
  position,
  frame: { t: 'member', ...who, ...(role === null ? {} : { role }), by, at },
})

const changedFrame = (
  change: 'renamed' | 'retention',
  { position, title, retention, ...conversation }: MissedChanges['renamed'][number],
): MissedFrame => ({
  position,
  frame: {
    t: 'conversation',
    change,
    ...conversation,
    ...(title === null ? {} : { title }),
    ...(retention === null ? {} : { retention }),
  },
})

export const messageFrames = (
  messages: readonly MessageRecord[],
  opened: readonly OpenedBody[],
): readonly MissedFrame[] =>
  messages.map((message, index) => ({
    position: message.position,
    frame: { t: 'message', ...messageView(message, opened[index] as OpenedBody) },
  }))

/** Of messages whose words are gone. */
export const deletedFrames = ({ deleted, expired }: MissedChanges): readonly MissedFrame[] => [
  ...deleted.map(({ position, ...one }) => ({ position, frame: { t: 'deleted' as const, ...one } })),
  ...expired.map(({ position, ...one }) => ({
    position,
    frame: { t: 'deleted' as const, ...one, reason: 'expired' as const },
  })),
]

export const receiptFrames = (receipts: readonly MissedReceipt[]): readonly MissedFrame[] =>
  receipts.map(({ position, conversationId, userId, kind, upTo, at }) => ({
    position,
    frame: { t: 'receipt', conversationId, userId, kind, upTo, at },
  }))

/** What a device missed, read in one go: all but the messages themselves, which come a page at a time. */
import type pg from 'pg'
import type { ConversationId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import {
  type ConversationToCatchUp,
  conversationsToCatchUp,
} from '../../projections/queries/conversations-to-catch-up.ts'
import { type MissedChanges, missedChanges } from '../../projections/queries/missed-changes.ts'
import { type MissedReceipt, missedReceipts } from '../../projections/queries/missed-receipts.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { Device, DeviceStart } from './device-positions.ts'

export interface Missed {
  readonly conversations: readonly ConversationToCatchUp[]
  readonly changes: MissedChanges
  readonly receipts: readonly MissedReceipt[]
}

/** What happened around the messages is sent before them, and what happened to them after them. */
const WHOLE = { mostNamed: LIMITS.membersInFrame, limit: 2 ** 31 - 1, upTo: (2n ** 63n - 1n) as Position }

/** Whatever can be missed moves its conversation. Where none has moved, two statements of three are spared. */
export async function readMissed(
  pool: pg.Pool,
  { userId, deviceId }: Device,
  start: DeviceStart,
): Promise<Missed | undefined> {
  const conversations = await conversationsToCatchUp(pool, userId, deviceId, start)
  if (conversations.length === 0) return undefined
  const [changes, receipts] = await Promise.all([
    missedChanges(pool, userId, deviceId, start.kept, WHOLE),
    missedReceipts(pool, userId, deviceId, start.kept, WHOLE.limit),
  ])
  return { conversations, changes, receipts }
}

/** What of it belongs to some of the conversations. */
export function missedIn(
  { conversations, changes, receipts }: Missed,
  isMeant: (conversationId: ConversationId) => boolean,
): Missed {
  const meant = <T extends { readonly conversationId: ConversationId }>(all: readonly T[]) =>
    all.filter(({ conversationId }) => isMeant(conversationId))
  return {
    conversations: meant(conversations),
    changes: {
      joined: meant(changes.joined),
      members: meant(changes.members),
      left: meant(changes.left),
      renamed: meant(changes.renamed),
      retained: meant(changes.retained),
      deleted: meant(changes.deleted),
      expired: meant(changes.expired),
    },
    receipts: meant(receipts),
  }
}

/** Of different conversations. */
export const together = (one: Missed, other: Missed): Missed => ({
  conversations: [...one.conversations, ...other.conversations],
  changes: {
    joined: [...one.changes.joined, ...other.changes.joined],
    members: [...one.changes.members, ...other.changes.members],
    left: [...one.changes.left, ...other.changes.left],
    renamed: [...one.changes.renamed, ...other.changes.renamed],
    retained: [...one.changes.retained, ...other.changes.retained],
    deleted: [...one.changes.deleted, ...other.changes.deleted],
    expired: [...one.changes.expired, ...other.changes.expired],
  },
  receipts: [...one.receipts, ...other.receipts],
})

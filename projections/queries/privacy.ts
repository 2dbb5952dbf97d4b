/** What people wish to show of themselves. */
import type { Privacy } from '../../domain/events.ts'
import type { UserId } from '../../domain/ids.ts'
import { ask, type Database, type Statement } from './statement.ts'

/** Whether this person hides what they have read; of a column or a parameter. */
const hidesReading = (user: string): string =>
  `EXISTS (SELECT FROM read.privacy p WHERE p.user_id = ${user} AND p.read_receipts = 'hidden')`

/** Whether `viewer` is shown what `reader`, somebody else, has read: neither of them may hide it. */
export const isShownReading = (reader: string, viewer: string): string =>
  `NOT ${hidesReading(reader)} AND NOT ${hidesReading(viewer)}`

const PRIVACY: Statement = {
  name: 'privacy of people',
  text: `
    SELECT user_id AS "userId", last_seen AS "lastSeen", read_receipts AS "readReceipts"
    FROM read.privacy WHERE user_id = ANY ($1::text[])`,
}

/** Who never wished otherwise, and so shares everything, is not in the answer. */
export async function privacyOf(
  db: Database,
  userIds: readonly UserId[],
): Promise<ReadonlyMap<UserId, Privacy>> {
  const rows = await ask<Privacy & { userId: UserId }>(db, PRIVACY, [userIds])
  return new Map(rows.map(({ userId, ...privacy }) => [userId, privacy]))
}

/** With whom somebody shares a conversation, now. */
import type { UserId } from '../../domain/ids.ts'
import { ask, type Database, type Statement } from './statement.ts'

const ACQUAINTANCES: Statement = {
  name: 'people who share a conversation with a person',
  text: `
    SELECT asked.user_id AS "userId" FROM unnest($2::text[]) AS asked (user_id)
    WHERE EXISTS (
      SELECT FROM read.members o
      JOIN read.members me ON me.conversation_id = o.conversation_id AND me.user_id = $1 AND me.left_seq IS NULL
      WHERE o.user_id = asked.user_id AND o.left_seq IS NULL)`,
}

/** Those of `others` who are in a conversation together with this person; the person themself, if in any. */
export async function acquaintancesOf(
  db: Database,
  userId: UserId,
  others: readonly UserId[],
): Promise<ReadonlySet<UserId>> {
  const rows = await ask<{ userId: UserId }>(db, ACQUAINTANCES, [userId, others])
  return new Set(rows.map((row) => row.userId))
}

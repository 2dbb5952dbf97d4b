/** When people last did something themselves, as far as it is recorded, and whether they wish to show it. */
import type { Millis, UserId } from '../../domain/ids.ts'
import { millisOrNull } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface SeenPerson {
  /** Null: never. */
  readonly lastSeen: Millis | null
  readonly hidesLastSeen: boolean
}

const SEEN_PEOPLE: Statement = {
  name: 'when people were last seen',
  text: `
    SELECT asked.user_id AS "userId", l.at, coalesce(p.last_seen = 'hidden', false) AS "hidesLastSeen"
    FROM unnest($1::text[]) AS asked (user_id)
    LEFT JOIN read.last_seen l USING (user_id)
    LEFT JOIN read.privacy p USING (user_id)`,
}

/** An entry for everybody who is asked for, known or not. */
export async function seenPeople(
  db: Database,
  userIds: readonly UserId[],
): Promise<ReadonlyMap<UserId, SeenPerson>> {
  const rows = await ask<{ userId: UserId; at: string | null; hidesLastSeen: boolean }>(db, SEEN_PEOPLE, [
    userIds,
  ])
  return new Map(
    rows.map(({ userId, at, hidesLastSeen }) => [userId, { lastSeen: millisOrNull(at), hidesLastSeen }]),
  )
}

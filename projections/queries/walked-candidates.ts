/** Where a person's newest messages are that may match a query, found by walking them instead of by the index. */
import type { UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { higher, lower } from '../../ledger/positions.ts'
import { numbers, plain } from '../../runtime/array-literals.ts'
import {
  type Between,
  type Candidate,
  candidatesOf,
  type Places,
  READABLE_PLACES,
} from './search-candidates.ts'
import type { SearchedStretch } from './searched-stretches.ts'
import { ask, type Database, type Statement } from './statement.ts'

const WALKED: Statement = {
  name: 'messages walked',
  text: `
    WITH walked AS MATERIALIZED (
      SELECT n, conversation_id, seq, position, matches
      FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::tsquery[]) WITH ORDINALITY
        AS stretch (conversation_id, after, newest, query, n)
      CROSS JOIN LATERAL (
        SELECT seq, position, lexemes @@ query AS matches
        FROM search.messages said
        WHERE said.conversation_id = stretch.conversation_id AND position > after AND position <= newest
        OFFSET 0
      ) newer
      ORDER BY n
      LIMIT $7
    ), found AS (
      SELECT conversation_id, seq, position FROM walked WHERE matches
    )
    SELECT (SELECT count(*)::int FROM walked) AS messages, (SELECT count(*)::int FROM found) AS matches,
           (SELECT max(n)::int FROM walked) AS reached, (${READABLE_PLACES}) AS places`,
}

export interface Walked {
  /** How many messages were looked at, and how many of them match. */
  readonly messages: number
  readonly matches: number
  /** All that match are there above this position. */
  readonly floor: Position
  readonly candidates: readonly Candidate[]
}

export interface WalkedStretch extends SearchedStretch {
  readonly query: string
}

/**
 * @param stretches the newest first, all that have something between these positions.
 * @param most messages that are looked at. What they do not reach raises the floor; fewer than a stretch has may tell nothing.
 */
export async function walkedCandidates(
  db: Database,
  stretches: readonly WalkedStretch[],
  userId: UserId,
  { above, below }: Between,
  most: number,
  limit: number,
): Promise<Walked> {
  const last = (below - 1n) as Position
  const [row] = await ask<Places & { messages: number; matches: number; reached: number | null }>(
    db,
    WALKED,
    [
      userId,
      limit,
      plain(stretches, ({ conversationId }) => conversationId),
      numbers(stretches, ({ after }) => higher(after, above)),
      numbers(stretches, ({ newest }) => lower(newest, last)),
      plain(stretches, ({ query }) => query),
      most,
    ],
  )
  const { messages = 0, matches = 0, reached } = row ?? {}
  // The last one that was reached may have more: all before it were walked whole, and what follows is no newer.
  const notReached = messages === most ? stretches[(reached ?? 1) - 1] : undefined
  const floor = notReached ? lower(notReached.newest, last) : above
  return {
    messages,
    matches,
    floor,
    candidates: candidatesOf(row).filter(({ position }) => position > floor),
  }
}

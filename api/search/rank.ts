/** Opens what was found, keeps what matches, and puts it in order: how well it matches, and how new it is. */
import type { Millis } from '../../domain/ids.ts'
import { searchableText } from '../../domain/search/content.ts'
import { matchText, type Span } from '../../domain/search/match.ts'
import type { SearchQuery } from '../../domain/search/query.ts'
import type { MessageRecord } from '../../projections/queries/message.ts'
import { createTurns } from '../../runtime/turns.ts'
import { type OpenBodiesDeps, type OpenedBody, openBodies } from '../messages/open-bodies.ts'

export interface Hit {
  readonly message: MessageRecord
  readonly opened: OpenedBody
  readonly text: string
  readonly spans: readonly Span[]
  /** From 0 to 1. */
  readonly score: number
}

/** A message of this age is worth half as much as a new one, as far as age counts. */
const HALF_LIFE_MS = 30 * 86_400_000
const WEIGHT_OF_AGE = 0.3
/** A text of 8,192 ideographs takes 30 ms to take apart, and there may be a window of them; an ordinary one takes microseconds. */
const TURN_MS = 10

/** @param now the same for all pages of a search, so that they are in one order. */
export async function rankedHits(
  deps: OpenBodiesDeps,
  query: SearchQuery,
  candidates: readonly MessageRecord[],
  now: Millis,
): Promise<readonly Hit[]> {
  const bodies = await openBodies(deps, candidates)
  const hits: Hit[] = []
  const turnIsOver = createTurns(TURN_MS)
  for (const [index, message] of candidates.entries()) {
    const pause = turnIsOver()
    if (pause) await pause
    const opened = bodies[index]
    const text = opened && 'body' in opened ? searchableText(opened.body) : undefined
    const match = text === undefined ? null : matchText(query, text)
    if (!opened || text === undefined || !match) continue
    const freshness = 2 ** (-Math.max(0, now - message.at) / HALF_LIFE_MS)
    const score = (1 - WEIGHT_OF_AGE) * match.relevance + WEIGHT_OF_AGE * freshness
    hits.push({ message, opened, text, spans: match.spans, score })
  }
  return hits.sort((a, b) => (isBefore(a, { score: b.score, position: b.message.position }) ? -1 : 1))
}

/** Whether a hit comes before a place in the order. */
export const isBefore = (
  { score, message }: Hit,
  place: { readonly score: number; readonly position: bigint },
): boolean => score > place.score || (score === place.score && message.position > place.position)

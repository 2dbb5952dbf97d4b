/**
 * A page of a search. To rank all matches of a frequent word would mean to read them all, so they are ranked in windows:
 * the newest matches, the best of them first, then those before them. A window is fixed by the positions it lies between,
 * so that what is sent meanwhile neither shifts nor doubles anything.
 */
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { messagesAt } from '../../projections/queries/messages-at.ts'
import type { ApiDeps, SearchIndex } from '../deps.ts'
import { newestCandidates } from './candidates.ts'
import type { SearchCursor } from './cursor.ts'
import { type Hit, isBefore, rankedHits } from './rank.ts'
import type { Searched } from './searched.ts'

export interface SearchPage {
  readonly hits: readonly Hit[]
  /** Absent on the last page. */
  readonly next?: SearchCursor
}

/** Candidates of a window: each is opened for every page that shows some of it, at 10 to 20 µs. */
const WINDOW = 50
/** Windows that a page goes through when few candidates match. Past it the page is short, and the next one goes on. */
const MOST_WINDOWS = 4

export async function searchPage(
  deps: Pick<ApiDeps, 'pool' | 'contentKeys'> & Pick<SearchIndex, 'lexemes'>,
  searched: Searched,
  cursor: SearchCursor,
  limit: number,
): Promise<SearchPage> {
  const { now } = cursor
  const hits: Hit[] = []
  let at: SearchCursor = cursor
  for (let windows = 0; windows < MOST_WINDOWS; windows++) {
    const { below, within } = at
    const between = { above: within?.above ?? BEGINNING, below }
    const candidates = await newestCandidates(deps, searched, between, WINDOW)
    const above = within?.above ?? lowerEnd(candidates.length, candidates.at(-1)?.position)
    const ranked = await rankedHits(deps, searched.query, await messagesAt(deps.pool, candidates), now)
    const left = within ? ranked.filter((hit) => !isBeforeOrAt(hit, within)) : ranked
    const taken = left.slice(0, limit - hits.length)
    hits.push(...taken)
    const last = taken.at(-1)
    if (last && taken.length < left.length) {
      const { score, message } = last
      // What is sent from now on is above the window, and pushes none of it out.
      const top = ((candidates[0]?.position ?? below) + 1n) as Position
      return { hits, next: { below: top, now, within: { above, score, position: message.position } } }
    }
    if (above === BEGINNING) return { hits }
    at = { below: (above + 1n) as Position, now }
    if (hits.length === limit) break
  }
  return { hits, next: at }
}

/** Exclusive. A window that is not full reaches to the beginning. */
const lowerEnd = (candidates: number, last: Position | undefined): Position =>
  candidates < WINDOW || last === undefined ? BEGINNING : ((last - 1n) as Position)

const isBeforeOrAt = (hit: Hit, place: { readonly score: number; readonly position: Position }): boolean =>
  isBefore(hit, place) || hit.message.position === place.position

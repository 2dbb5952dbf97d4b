/** Where the newest messages are that may match a query, of all that one person may read. */
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import {
  type Between,
  type Candidate,
  searchCandidates,
} from '../../projections/queries/search-candidates.ts'
import { TOP } from './cursor.ts'
import type { CandidateDeps, Searched } from './searched.ts'
import { areSideBySide, walkNewest } from './walk.ts'

/**
 * All of them between two positions, or the `limit` newest, newest first: by walking while matches come often, the rest from the index,
 * which reads all matches of a stretch, however many are newer elsewhere. What is new below a position is not walked: from where, nobody knows.
 */
export async function newestCandidates(
  deps: CandidateDeps,
  searched: Searched,
  between: Between,
  limit: number,
): Promise<readonly Candidate[]> {
  const { above, below } = between
  if (below !== TOP && above === BEGINNING) return await indexedCandidates(deps, searched, between, limit)
  const { found, floor } = await walkNewest(deps, searched, between, limit)
  if (found.length === limit || floor <= above) return found
  const rest = { above, below: (floor + 1n) as Position }
  return [...found, ...(await indexedCandidates(deps, searched, rest, limit - found.length))]
}

/** Stretches that are looked into first: what they hold tells how many more it takes. */
const FIRST = 4
/** Where conversations go on side by side each has something newer than what is found in the others: few could be left out. */
const FIRST_SIDE_BY_SIDE = 1_024
/** Then half as many again as would do if words were spread evenly, at least as many as before; all, if nothing was there. */
const MARGIN = 1.5
/** More than these are looked into as two halves at once, on two connections. */
const IN_ONE = 64

async function indexedCandidates(
  { pool, lexemes }: CandidateDeps,
  { userId, query, stretches }: Searched,
  { above, below }: Between,
  limit: number,
): Promise<readonly Candidate[]> {
  const within = stretches.filter(({ after, newest }) => newest > above && after < below)
  let found: Candidate[] = []
  let from = 0
  let step = areSideBySide(within) ? FIRST_SIDE_BY_SIDE : FIRST
  while (from < within.length) {
    // Once there are enough, only newer ones than the last of them still matter; those that follow are no newer than these.
    const floor = found.length === limit ? (found.at(-1) as Candidate).position : above
    const next = within.slice(from, from + step).filter(({ newest }) => newest > floor)
    if (next.length === 0) break
    const half = next.length > IN_ONE ? Math.ceil(next.length / 2) : next.length
    const more = await Promise.all(
      [next.slice(0, half), next.slice(half)]
        .filter((part) => part.length > 0)
        .map((part) => {
          const queries = lexemes.queries(part, query)
          return searchCandidates(pool, queries, userId, { above: floor, below }, limit)
        }),
    )
    found = [...found, ...more.flat()].sort(newestFirst).slice(0, limit)
    from += step
    step = Math.max(from, Math.ceil(((limit - found.length) / found.length) * from * MARGIN))
  }
  return found
}

const newestFirst = (a: Candidate, b: Candidate): number => (a.position > b.position ? -1 : 1)

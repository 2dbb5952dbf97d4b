/**
 * Where the newest messages are that may match a query, of all that one person may read.
 *
 * The index reads every match of a stretch, however many are newer elsewhere: best where words are rare, or where what is newest lies in few
 * conversations. Where many go on side by side each has something newer than the fiftieth match of a frequent word: to look all up, of a word that
 * is in every fifth of 300,000 messages, means 60,000 rows; to walk the newest messages of all down to the fiftieth, 250.
 * So a first look tells how often matches come, and what follows is whichever costs less (`outlook.ts`), until nothing newer can be left.
 */
import type pg from 'pg'
import type { Position } from '../../ledger/ledger.ts'
import { lower } from '../../ledger/positions.ts'
import { STRETCH } from '../../ledger/sealing/blind-lexemes.ts'
import {
  type Between,
  type Candidate,
  type Found,
  searchCandidates,
} from '../../projections/queries/search-candidates.ts'
import type { SearchedStretch } from '../../projections/queries/searched-stretches.ts'
import { walkedCandidates } from '../../projections/queries/walked-candidates.ts'
import { allMessagesWithin, costOfIndex, costOfWalk, deepEnough, type Looked } from './outlook.ts'
import type { CandidateDeps, Searched } from './searched.ts'

/** Messages whose stretches are looked into first, the newest: enough to tell how often matches come. */
const FIRST_MESSAGES = 1_024
/** Walks of a window at most; then the index has the rest. */
const MOST_WALKS = 4
/** Of the messages that a walk ought to meet: where there are far more it ends early, and what it has seen is a better measure. */
const MOST_OF_EXPECTED = 4
/** More than one stretch can have: a walk that ends within the first has told nothing. */
const LEAST_WALKED = 2 * STRETCH
/** More stretches than these are looked into as two halves at once, on two connections. */
const IN_ONE = 64

/** All of them between two positions, or the `limit` newest, newest first. */
export async function newestCandidates(
  { pool, lexemes }: CandidateDeps,
  { userId, query, stretches }: Searched,
  { above, below }: Between,
  limit: number,
): Promise<readonly Candidate[]> {
  let found: Candidate[] = []
  let looked: Looked = { messages: 0, matches: 0 }
  /** Messages of the stretches that the index has looked into, however few of them lay between the positions. */
  let indexed = 0
  /** Not looked into by the index; of them everything above `to` is known. */
  let left = stretches
  let to = (below - 1n) as Position
  for (let walks = 0; ; ) {
    // Once there are enough, only newer ones than the last of them still matter.
    const from = found.length === limit ? (found.at(-1) as Candidate).position : above
    left = left.filter(({ after, newest }) => newest > from && after < to)
    const [newest] = left
    if (!newest || from >= to) return found
    to = lower(to, newest.newest)
    const depth = { from, to }
    // Each look is at least as large as all before it: however wrong the estimate, there are not many.
    let next = newestWith(left, Math.max(FIRST_MESSAGES, indexed))
    if (looked.messages > 0) {
      const end = deepEnough(left, depth, looked, found, limit)
      const deep = left.filter(({ newest }) => newest > end)
      const walk = { from: end, to }
      if (walks < MOST_WALKS && costOfWalk(deep, walk) < costOfIndex(deep, looked, query)) {
        const queries = lexemes.queries(deep, query)
        const into = deep.map((stretch, index) => ({ query: queries[index] as string, ...stretch }))
        const between = { above: end, below: (to + 1n) as Position }
        const most = Math.max(LEAST_WALKED, Math.ceil(allMessagesWithin(deep, walk) * MOST_OF_EXPECTED))
        const walked = await walkedCandidates(pool, into, userId, between, most, limit)
        walks++
        to = walked.floor
        found = newestOf(found, walked.candidates, limit)
        looked = sumOf(looked, walked)
        continue
      }
      if (deep.length > next.length) next = deep
    }
    const between = { above: from, below: (to + 1n) as Position }
    const there = await indexedCandidates(pool, lexemes.queries(next, query), userId, between, limit)
    found = newestOf(found, there.candidates, limit)
    looked = sumOf(looked, { messages: allMessagesWithin(next, depth), matches: there.matches })
    for (const { messages } of next) indexed += messages
    const done = new Set(next)
    left = left.filter((stretch) => !done.has(stretch))
  }
}

/** The newest, as many as it takes to have so many messages. */
function newestWith(stretches: readonly SearchedStretch[], wanted: number): readonly SearchedStretch[] {
  let messages = 0
  const enough = stretches.findIndex((stretch) => {
    messages += stretch.messages
    return messages >= wanted
  })
  return enough < 0 ? stretches : stretches.slice(0, enough + 1)
}

async function indexedCandidates(
  pool: pg.Pool,
  queries: readonly string[],
  userId: Searched['userId'],
  between: Between,
  limit: number,
): Promise<Found> {
  const half = queries.length > IN_ONE ? Math.ceil(queries.length / 2) : queries.length
  const parts = [queries.slice(0, half), queries.slice(half)].filter((part) => part.length > 0)
  const found = await Promise.all(parts.map((part) => searchCandidates(pool, part, userId, between, limit)))
  return {
    candidates: found.flatMap(({ candidates }) => candidates),
    matches: found.reduce((sum, { matches }) => sum + matches, 0),
  }
}

const newestOf = (known: readonly Candidate[], more: readonly Candidate[], limit: number): Candidate[] =>
  [...known, ...more].sort(newestFirst).slice(0, limit)

const newestFirst = (a: Candidate, b: Candidate): number => (a.position > b.position ? -1 : 1)

const sumOf = (a: Looked, b: Looked): Looked => ({
  messages: a.messages + b.messages,
  matches: a.matches + b.matches,
})

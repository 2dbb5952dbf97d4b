/**
 * The newest messages of a person, conversation beside conversation, until enough of them match. In conversations that go on side by
 * side each has something newer than the hundredth match of a frequent word: to look all matches up, of a word that is in every fifth
 * of 300,000 messages, means 60,000 rows; to walk down to the hundredth, 500.
 */
import type { SearchQuery } from '../../domain/search/query.ts'
import type { Position } from '../../ledger/ledger.ts'
import type { Candidate } from '../../projections/queries/search-candidates.ts'
import type { SearchedStretch } from '../../projections/queries/searched-stretches.ts'
import { type Walked, walkedCandidates } from '../../projections/queries/walked-candidates.ts'
import { TOP } from './cursor.ts'
import type { CandidateDeps, Searched } from './searched.ts'

/** The first walk goes down to the newest message of this stretch: it tells how often matches come. For fewer the index is quick enough. */
const FIRST = 64
/** A phrase is rarer than its words, and the index reads whatever has all of these: worth a closer look. */
const FIRST_OF_PHRASE = 192
/** Messages of the first walk at most. Where one conversation has them all, nothing is known of the others, and the index is asked. */
const FIRST_MESSAGES = 512
/** Of the depth at which there are enough if they come evenly. */
const MARGIN = 1.25
/** Walks, each deeper than the one before; then the index has the rest. */
const MOST_WALKS = 4
/** Of the messages that are expected: where a conversation had far more than the others, walking them all is not worth it. */
const MOST_OF_EXPECTED = 4
const LEAST_MESSAGES = 2048

/** µs, measured: a message that is walked, a stretch that is looked up in the index, a match that the index finds. */
const COST = { walked: 1.5, lookedUp: 4, indexed: 1.5 }

export interface WalkedDown {
  /** The newest, `limit` at most. */
  readonly found: readonly Candidate[]
  /** Every match above it is there, or there are `limit`. */
  readonly floor: Position
}

export async function walkNewest(
  { pool, lexemes }: CandidateDeps,
  { userId, query, stretches }: Searched,
  above: Position,
  limit: number,
): Promise<WalkedDown> {
  const top = stretches[0]?.newest
  const first = stretches[isOfPhrases(query) ? FIRST_OF_PHRASE : FIRST]?.newest
  if (top === undefined || first === undefined || !areSideBySide(stretches)) return { found: [], floor: TOP }
  const enough = limit * MARGIN
  let floor = higher(first, above)
  let most = FIRST_MESSAGES
  for (let walks = 1; ; walks++) {
    const newer = stretches.filter(({ newest }) => newest > floor)
    const queries = lexemes.queries(newer, query)
    const into = newer.map((stretch, index) => ({ ...stretch, query: queries[index] as string }))
    const walked = await walkedCandidates(pool, into, userId, floor, most, limit)
    const { candidates: found } = walked
    const down = { found, floor: walked.floor }
    if (found.length === limit || down.floor <= above || walks === MOST_WALKS) return down
    if (found.length === 0 || !isWorthIt(walked, enough, stretches)) return down
    const depth = Math.ceil((Number(top - down.floor) * enough) / found.length)
    floor = higher((top - BigInt(depth)) as Position, above)
    most = Math.max(LEAST_MESSAGES, Math.ceil(expected(walked, enough) * MOST_OF_EXPECTED))
  }
}

/** In one that is long each stretch is newer than the one before it, and the index reads few in vain. */
const areSideBySide = (stretches: readonly SearchedStretch[]): boolean =>
  new Set(stretches.slice(0, FIRST).map(({ conversationId }) => conversationId)).size > FIRST / 2

const isOfPhrases = ({ all }: SearchQuery): boolean => all.some(({ units }) => units.length > 1)

/** Messages to walk until there are enough. */
const expected = ({ messages, matches }: Walked, enough: number): number => (messages * enough) / matches

/** Against looking all of it up. */
function isWorthIt(walked: Walked, enough: number, stretches: readonly SearchedStretch[]): boolean {
  const messages = stretches.reduce((sum, { messages }) => sum + messages, 0)
  const indexed = (messages * walked.matches) / walked.messages
  const lookUp = stretches.length * COST.lookedUp + indexed * COST.indexed
  return expected(walked, enough) * COST.walked < lookUp
}

const higher = (a: Position, b: Position): Position => (a > b ? a : b)

/**
 * The newest messages of a person, conversation beside conversation, until enough of them match. In conversations that go on side by
 * side each has something newer than the fiftieth match of a frequent word: to look all matches up, of a word that is in every fifth
 * of 300,000 messages, means 60,000 rows; to walk down to the fiftieth, 250.
 */
import type { SearchQuery } from '../../domain/search/query.ts'
import { BEGINNING, type Position } from '../../ledger/ledger.ts'
import { higher, lower } from '../../ledger/positions.ts'
import type { Between, Candidate } from '../../projections/queries/search-candidates.ts'
import type { SearchedStretch } from '../../projections/queries/searched-stretches.ts'
import { walkedCandidates } from '../../projections/queries/walked-candidates.ts'
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
/** Of the messages that ought to do: where a conversation had far more than the others, walking them all is not worth it. */
const MOST_OF_NEEDED = 4
const LEAST_MESSAGES = 2048

/** µs, measured: a message that is walked, a stretch that is looked up in the index, a match that the index finds. */
const COST = { walked: 1.5, lookedUp: 4, indexed: 1.5 }

export interface WalkedDown {
  /** The newest, `limit` at most, newest first. */
  readonly found: readonly Candidate[]
  /** Every match above it is there, or there are `limit`. */
  readonly floor: Position
}

/** A window that is known already is walked down to its end, a new one for as long as that is worth it. */
export async function walkNewest(
  { pool, lexemes }: CandidateDeps,
  { userId, query, stretches }: Searched,
  { above, below }: Between,
  limit: number,
): Promise<WalkedDown> {
  const top = lower(stretches[0]?.newest ?? above, (below - 1n) as Position)
  const first = stretches[isOfPhrases(query) ? FIRST_OF_PHRASE : FIRST]?.newest
  const found: Candidate[] = []
  let floor = (below - 1n) as Position
  if (first === undefined || !areSideBySide(stretches)) return { found, floor }
  let target = above > BEGINNING ? above : first
  let most = above > BEGINNING ? LEAST_MESSAGES : FIRST_MESSAGES
  let [messages, matches] = [0, 0]
  for (let walks = 1; ; walks++) {
    const part = stretches.filter(({ after, newest }) => newest > target && after < floor)
    const queries = lexemes.queries(part, query)
    const into = part.map((stretch, index) => ({ ...stretch, query: queries[index] as string }))
    const between = { above: target, below: (floor + 1n) as Position }
    const walked = await walkedCandidates(pool, into, userId, between, most, limit - found.length)
    found.push(...walked.candidates)
    floor = walked.floor
    messages += walked.messages
    matches += walked.matches
    if (found.length === limit || floor <= above || found.length === 0 || walks === MOST_WALKS) break
    const needed = (messages / matches) * (limit * MARGIN - found.length)
    if (needed * COST.walked > costOfIndex(stretches, matches / messages)) break
    const depth = Math.ceil((Number(top - floor) * limit * MARGIN) / found.length)
    target = higher((top - BigInt(depth)) as Position, above)
    most = Math.max(LEAST_MESSAGES, Math.ceil(needed * MOST_OF_NEEDED))
  }
  return { found, floor }
}

/** Many conversations, and not the stretches of a long one: those are each newer than the one before, and the index reads few in vain. */
export const areSideBySide = (stretches: readonly SearchedStretch[]): boolean =>
  new Set(stretches.slice(0, FIRST).map(({ conversationId }) => conversationId)).size > FIRST / 2

const isOfPhrases = ({ all }: SearchQuery): boolean => all.some(({ units }) => units.length > 1)

/** µs to look all of them up, at so many matches a message. */
function costOfIndex(stretches: readonly SearchedStretch[], share: number): number {
  const messages = stretches.reduce((sum, { messages }) => sum + messages, 0)
  return stretches.length * COST.lookedUp + messages * share * COST.indexed
}

/**
 * How far down the newest matches of a search ought to reach, and what it would cost to look there: from how often it matched where it has
 * looked, as if the messages of a stretch were spread evenly. Being wrong costs time, never a match. Pure.
 */
import { countUnits, type SearchQuery } from '../../domain/search/query.ts'
import type { Position } from '../../ledger/ledger.ts'
import { higher, lower } from '../../ledger/positions.ts'
import type { SearchedStretch } from '../../projections/queries/searched-stretches.ts'

/** Exclusive below, inclusive above. */
interface Depth {
  readonly from: Position
  readonly to: Position
}

/** What has been looked at so far. */
export interface Looked {
  readonly messages: number
  readonly matches: number
}

/** How many messages of a stretch are that deep; a part of one, too. */
function messagesWithin({ messages, after, newest }: SearchedStretch, { from, to }: Depth): number {
  const low = after > from ? after : from
  const high = newest < to ? newest : to
  return high <= low ? 0 : messages * (Number(high - low) / Number(newest - after))
}

export const allMessagesWithin = (stretches: readonly SearchedStretch[], depth: Depth): number =>
  stretches.reduce((sum, stretch) => sum + messagesWithin(stretch, depth), 0)

/** So many times the matches that are wanted: what was expected and is not there costs another look. */
const MARGIN = 1.5
/** Of a search for a depth, each of which halves what is left: near enough. */
const HALVINGS = 16

/**
 * Where there should be as many matches as are wanted, those included that were found already; the end of `depth` if there are not as many.
 *
 * @param found newest first.
 */
export function deepEnough(
  stretches: readonly SearchedStretch[],
  depth: Depth,
  { messages, matches }: Looked,
  found: readonly { readonly position: Position }[],
  wanted: number,
): Position {
  const share = messages === 0 ? 0 : matches / messages
  // In doubles: of a thousand stretches bigints would take a millisecond.
  const parts = stretches.map((stretch) => ({
    low: Number(higher(stretch.after, depth.from)),
    high: Number(lower(stretch.newest, depth.to)),
    matches: share * messagesWithin(stretch, depth),
  }))
  const expectedAbove = (from: number): number => {
    let count = 0
    for (const { position } of found) if (position > from) count++
    for (const { low, high, matches } of parts) {
      if (from <= low) count += matches
      else if (from < high) count += (matches * (high - from)) / (high - low)
    }
    return count
  }
  let low = Number(depth.from)
  let high = Number(depth.to)
  if (expectedAbove(low) <= wanted * MARGIN) return depth.from
  for (let n = 0; n < HALVINGS && high - low > 1; n++) {
    const middle = Math.floor((low + high) / 2)
    if (expectedAbove(middle) < wanted * MARGIN) high = middle
    else low = middle
  }
  return BigInt(low) as Position
}

/** µs, measured where a search meets what no search before it has touched: a walk (`walked-candidates.ts`) and a look into the index. */
const COST = { stretchWalked: 8, walked: 2.5, lookedUp: 5, indexed: 2 }

export const costOfWalk = (stretches: readonly SearchedStretch[], depth: Depth): number =>
  stretches.length * COST.stretchWalked + allMessagesWithin(stretches, depth) * COST.walked

/** The index looks each word up in each stretch, and reads all matches of a stretch, however deep. */
export function costOfIndex(
  stretches: readonly SearchedStretch[],
  { messages, matches }: Looked,
  query: SearchQuery,
): number {
  const all = stretches.reduce((sum, stretch) => sum + stretch.messages, 0)
  const share = messages === 0 ? 0 : matches / messages
  return stretches.length * countUnits(query) * COST.lookedUp + all * share * COST.indexed
}

/** Whether a text matches a query, where, and how well. Pure: the index only proposes, this decides. */
import { beginsWith } from './beginnings.ts'
import type { SearchQuery, Term } from './query.ts'
import { type Unit, unitsOf } from './units.ts'

/** UTF-16 offsets, the second exclusive. */
export type Span = readonly [start: number, end: number]

export interface Match {
  /** In order, not overlapping; never empty. Of each term the first places only (`MOST_MARKED`). */
  readonly spans: readonly Span[]
  /** Above 0, at most 1. */
  readonly relevance: number
}

/** What a text has of a term. */
interface Found {
  readonly term: Term
  /** Places. */
  readonly count: number
  /** Somewhere it stands as it was typed, and is not only the beginning of a word. */
  readonly whole: boolean
  /** Indexes of the first units of the first places: as many as are marked. */
  readonly marked: readonly number[]
}

/**
 * Of one term: as many as can begin within a snippet (`snippet.ts`), which shows the first of them. Of a word that is all of a text of
 * 8,192 characters there were 4,096, to be sorted and joined for every candidate.
 */
const MOST_MARKED = 160

/** Null: it does not match. A query without a term to find matches nothing. */
export function matchText(query: SearchQuery, text: string): Match | null {
  if (query.all.length === 0) return null
  const units = unitsOf(text)
  if (query.none.some((term) => find(units, term).count > 0)) return null
  const found: Found[] = []
  for (const term of query.all) {
    const one = find(units, term)
    if (one.count === 0) return null
    found.push(one)
  }
  const spans = found.flatMap(({ term, marked }) =>
    marked.map((at): Span => [startOf(units, at), endOf(units, at + term.units.length - 1)]),
  )
  return { spans: joined(spans), relevance: relevanceOf(query, units, found) }
}

function find(units: readonly Unit[], term: Term): Found {
  const { units: wanted, prefix } = term
  const marked: number[] = []
  let count = 0
  let whole = false
  for (let at = 0; at + wanted.length <= units.length; at++) {
    let exact = true
    const matches = wanted.every((unit, offset) => {
      const there = units[at + offset]?.unit ?? ''
      if (there === unit) return true
      exact = false
      return prefix && offset === wanted.length - 1 && beginsWith(there, unit)
    })
    if (!matches) continue
    count++
    whole ||= exact
    if (marked.length < MOST_MARKED) marked.push(at)
  }
  return { term, count, whole, marked }
}

/**
 * Three questions, weighed: are the words whole (or only begun), do they stand together in the order they were asked for,
 * and how much of the text are they.
 */
function relevanceOf({ all, asked }: SearchQuery, units: readonly Unit[], found: readonly Found[]): number {
  const whole = found.filter((one) => one.whole).length / found.length
  const phrase: Term = { units: asked as [string, ...string[]], prefix: all.at(-1)?.prefix ?? false }
  const together = find(units, phrase).count > 0 ? 1 : 0
  const matched = found.reduce((sum, { term, count }) => sum + term.units.length * count, 0)
  // By the root: the first words of a text dilute it more than the hundredth.
  const share = Math.sqrt(Math.min(1, matched / units.length))
  return 0.4 * whole + 0.3 * together + 0.3 * share
}

function joined(spans: readonly Span[]): Span[] {
  const result: [number, number][] = []
  for (const [start, end] of [...spans].sort(([a], [b]) => a - b)) {
    const last = result.at(-1)
    if (last && start <= last[1]) last[1] = Math.max(last[1], end)
    else result.push([start, end])
  }
  return result
}

const startOf = (units: readonly Unit[], index: number): number => units[index]?.start ?? 0
const endOf = (units: readonly Unit[], index: number): number => units[index]?.end ?? 0

/** Whether a text matches a query, where, and how well. Pure: the index only proposes, this decides. */
import { beginsWith } from './beginnings.ts'
import type { SearchQuery, Term } from './query.ts'
import { type Unit, unitsOf } from './units.ts'

/** UTF-16 offsets, the second exclusive. */
export type Span = readonly [start: number, end: number]

export interface Match {
  /** In order, not overlapping; never empty. */
  readonly spans: readonly Span[]
  /** Above 0, at most 1. */
  readonly relevance: number
}

interface Occurrence {
  /** Index of its first unit. */
  readonly at: number
  readonly exact: boolean
}

/** Null: it does not match. A query without a term to find matches nothing. */
export function matchText(query: SearchQuery, text: string): Match | null {
  if (query.all.length === 0) return null
  const units = unitsOf(text)
  if (query.none.some((term) => occurrences(units, term).length > 0)) return null
  const found: { term: Term; places: Occurrence[] }[] = []
  for (const term of query.all) {
    const places = occurrences(units, term)
    if (places.length === 0) return null
    found.push({ term, places })
  }
  const spans = found.flatMap(({ term, places }) =>
    places.map(({ at }): Span => [startOf(units, at), endOf(units, at + term.units.length - 1)]),
  )
  return { spans: joined(spans), relevance: relevanceOf(query, units, found) }
}

function occurrences(units: readonly Unit[], { units: wanted, prefix }: Term): Occurrence[] {
  const places: Occurrence[] = []
  for (let at = 0; at + wanted.length <= units.length; at++) {
    let exact = true
    const matches = wanted.every((unit, offset) => {
      const there = units[at + offset]?.unit ?? ''
      if (there === unit) return true
      exact = false
      return prefix && offset === wanted.length - 1 && beginsWith(there, unit)
    })
    if (matches) places.push({ at, exact })
  }
  return places
}

/**
 * Three questions, weighed: are the words whole (or only begun), do they stand together in the order they were asked for,
 * and how much of the text are they.
 */
function relevanceOf(
  { all }: SearchQuery,
  units: readonly Unit[],
  found: readonly { readonly term: Term; readonly places: readonly Occurrence[] }[],
): number {
  const whole = found.filter(({ places }) => places.some(({ exact }) => exact)).length / found.length
  const asked = all.flatMap((term) => term.units)
  const phrase: Term = { units: asked as [string, ...string[]], prefix: all.at(-1)?.prefix ?? false }
  const together = occurrences(units, phrase).length > 0 ? 1 : 0
  const matched = found.reduce((sum, { term, places }) => sum + term.units.length * places.length, 0)
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

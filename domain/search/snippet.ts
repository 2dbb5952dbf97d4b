/** The part of a text that shows its matches. Pure. */
import type { Span } from './match.ts'

export interface Snippet {
  readonly snippet: string
  /** Of `snippet`, in UTF-16 code units, the end exclusive; for the client to mark as it likes. */
  readonly matches: readonly Span[]
}

/** UTF-16 code units: two lines of a list of results. */
const LENGTH = 160
/** Shown before the first match. */
const LEAD = 40

/** A text that is short enough is its own snippet; of a longer one the surroundings of its first match. */
export function snippetOf(text: string, spans: readonly Span[]): Snippet {
  if (text.length <= LENGTH) return { snippet: text, matches: spans }
  const first = spans[0]?.[0] ?? 0
  const from = wordStart(text, Math.max(0, Math.min(first - LEAD, text.length - LENGTH)), first)
  const to = wholeCharacter(text, Math.min(text.length, from + LENGTH))
  const matches = spans
    .filter(([start]) => start >= from && start < to)
    .map(([start, end]): Span => [start - from, Math.min(end, to) - from])
  return { snippet: text.slice(from, to), matches }
}

/** The first beginning of a word from `from` on, if there is one before the match. */
function wordStart(text: string, from: number, match: number): number {
  if (from === 0) return 0
  const blank = text.slice(from - 1, match).search(/\s/)
  return blank === -1 ? wholeCharacter(text, from) : from + blank
}

/** Not in the middle of a surrogate pair. */
const wholeCharacter = (text: string, offset: number): number =>
  /[\udc00-\udfff]/.test(text.charAt(offset)) ? offset - 1 : offset

/** What people type into a search box, understood: words, "phrases", -without, and the beginning of a last word. Pure. */
import { unitsOf } from './units.ts'

/** Units that stand side by side: one of a word, several of a phrase, of `foo-bar`, or of 東京. */
export interface Term {
  readonly units: readonly [string, ...string[]]
  /** The last unit may be the beginning of a longer word. */
  readonly prefix: boolean
}

/** A text matches that has every term of `all`, and none of `none`. */
export interface SearchQuery {
  /** Each once, however often it was typed: a text has it or has it not, and looking for it again costs as much as another word. */
  readonly all: readonly Term[]
  readonly none: readonly Term[]
  /** The units of `all` in the order they were typed, those that come again included. */
  readonly asked: readonly string[]
}

const PARTS = /(-?)"([^"]*)"?|(-?)(\S+)/g

/**
 * Understands anything; what holds neither letter, digit nor emoji says nothing. A last word that a blank follows is
 * whole, without one the person may still be typing it.
 */
export function parseQuery(text: string): SearchQuery {
  const all = new Map<string, Term>()
  const none: Term[] = []
  const asked: string[] = []
  for (const part of text.matchAll(PARTS)) {
    const [whole, minus, phrase, wordMinus, word] = part
    const [first, ...rest] = unitsOf(phrase ?? word ?? '').map(({ unit }) => unit)
    if (first === undefined) continue
    const without = (minus ?? wordMinus) === '-'
    const last = part.index + whole.length === text.length
    const term: Term = { units: [first, ...rest], prefix: last && !without && phrase === undefined }
    if (without) {
      none.push(term)
      continue
    }
    asked.push(...term.units)
    // No unit holds a blank, and only a last term is a beginning: it is no other's repetition.
    const name = `${term.units.join(' ')}${term.prefix ? '…' : ''}`
    if (!all.has(name)) all.set(name, term)
  }
  return { all: [...all.values()], none, asked }
}

export const countUnits = ({ none, asked }: SearchQuery): number =>
  none.reduce((count, { units }) => count + units.length, asked.length)

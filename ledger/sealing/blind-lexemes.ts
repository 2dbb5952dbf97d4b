/**
 * Words as the search index holds them: pseudonyms under a key that is not in the database (docs/adr/0011). Knows no table.
 *
 * A word's pseudonym holds for a stretch of 1,024 messages of one conversation and means nothing elsewhere. So whoever
 * reads the disk sees how often some word comes back within a stretch, never which; and a stretch has at most 1,024 rows,
 * already of the right conversation, however frequent the word.
 */
import { createHmac, hkdfSync } from 'node:crypto'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { beginningsOf, LENGTHS } from '../../domain/search/beginnings.ts'
import type { SearchQuery, Term } from '../../domain/search/query.ts'
import { unitsOf } from '../../domain/search/units.ts'
import { createPseudonyms, type Named, type StretchNames } from './pseudonyms.ts'

/**
 * Messages of a stretch. Smaller ones make a search over a long history more look-ups, larger ones make a frequent word
 * more rows. Changing it needs a new index.
 */
export const STRETCH = 1024

export const stretchOf = (seq: Seq): number => Math.floor((seq - 1) / STRETCH)

export interface Stretch {
  readonly conversationId: ConversationId
  /** 0 for the first `STRETCH` messages, and so on. */
  readonly stretch: number
}

export interface BlindLexemes {
  /** Tells indexes under different keys apart, and of different versions of this file. */
  readonly fingerprint: string
  /** A text as the literal of a `tsvector`, with every position (Postgres keeps 255 of a lexeme, up to the 16,383rd); empty when it holds no word. */
  document(conversationId: ConversationId, seq: Seq, text: string): string
  /** A query as literals of a `tsquery`, one for each stretch. They find a little more than what matches. */
  queries(stretches: readonly Stretch[], query: SearchQuery): string[]
}

/**
 * A lexeme is the place of its stretch (18 bits, so that what is said in one conversation lies together in the index), then 12 bits for each beginning of
 * the word, the shortest first, then 36 bits of the word. So all words that begin alike stand side by side, and one look finds them (`'…':*`), where
 * lexemes of their own for beginnings made twice as many of them. What begins like another word by its 12 bits alone is
 * compared in full; only a word that is left out (`-word`) hides what has its lexeme, and of two that begin alike that is one in 2^36.
 *
 * A word that stands twice in a row (ha ha, 哈哈) has a lexeme more. Of any other phrase the index leaves out what lacks one of its words; of this one
 * it would read every message that has the word. It has no position, so no beginning of a word may lead to it (behind the place stands what no
 * other lexeme has there): of a phrase that ends in a beginning Postgres says no wherever that leads to a lexeme without positions.
 */
const BEGINNING_CHARACTERS = 2
const WORD_CHARACTERS = 6

/** Grows when the same text would give other lexemes. */
const VERSION = 7

export function createBlindLexemes(masterKey: Buffer): BlindLexemes {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', `triptick search ${VERSION}`, 32))
  const pseudonyms = createPseudonyms(key)

  return {
    fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, 16),
    document(conversationId, seq, text) {
      const words = new Map<string, string>()
      const doubled = new Set<string>()
      let before: string | undefined
      for (const [index, { unit }] of unitsOf(text).entries()) {
        const known = words.get(unit)
        words.set(unit, known === undefined ? `${index + 1}` : `${known},${index + 1}`)
        if (unit === before) doubled.add(unit)
        before = unit
      }
      const needed = createNeeded()
      const parts = [...words.keys()].map(needed.partsOf)
      const twice = [...doubled].map(needed.doubled)
      const [known] = pseudonyms.of([{ conversationId, stretch: stretchOf(seq) }], needed.names)
      if (!known) return ''
      let literal = ''
      let at = 0
      for (const positions of words.values())
        literal += `${lexemeOf(known, parts[at++] as Parts)}:${positions} `
      for (const word of twice) literal += `${doubledOf(known, word)} `
      return literal
    },
    queries(stretches, { all, none }) {
      const needed = createNeeded()
      const term = ({ units, prefix }: Term): Written => {
        // A beginning that is too short to be told apart finds the whole word only.
        const isBegun = (index: number): boolean =>
          prefix && index === units.length - 1 && beginningsOf(units[index] as string).length > 0
        const lexemes = units.map((unit, index): Written => {
          const parts = needed.partsOf(unit)
          return isBegun(index)
            ? (known) => `'${beginningOf(known, parts)}':*`
            : (known) => `'${lexemeOf(known, parts)}'`
        })
        const [only, ...more] = lexemes
        if (only && more.length === 0) return only
        const twice = new Set(units.filter((unit, index) => unit === units[index - 1] && !isBegun(index)))
        const doubled = [...twice].map(needed.doubled)
        return (known) => {
          const both = doubled.map((word) => `&'${doubledOf(known, word)}'`)
          return `(${lexemes.map((lexeme) => lexeme(known)).join('<->')}${both.join('')})`
        }
      }
      const wanted = all.map(term)
      const unwanted = none.map(term)
      return pseudonyms
        .of(stretches, needed.names)
        .map((known) =>
          [...wanted.map((one) => one(known)), ...unwanted.map((one) => `!${one(known)}`)].join('&'),
        )
    },
  }
}

/** Of what a lexeme is made: places among the names. */
interface Parts {
  readonly word: number
  /** Of each length that the word reaches. */
  readonly beginnings: readonly number[]
}

/** The names that are needed, each once. */
function createNeeded() {
  const names: Named[] = []
  const begun = new Map<string, number>()
  const beginning = (unit: string): number => {
    const known = begun.get(unit)
    if (known !== undefined) return known
    const at = names.push({ kind: 'beginning', unit }) - 1
    begun.set(unit, at)
    return at
  }
  const partsOf = (unit: string): Parts => ({
    word: names.push({ kind: 'word', unit }) - 1,
    beginnings: beginningsOf(unit).map(beginning),
  })
  const doubled = (unit: string): number => names.push({ kind: 'doubled', unit }) - 1
  return { names, partsOf, doubled }
}

function beginningOf({ place, names }: StretchNames, { beginnings }: Parts): string {
  let shown = place
  for (const at of beginnings) shown += (names[at] as string).slice(0, BEGINNING_CHARACTERS)
  return shown
}

/** A word that is shorter than a length has no beginning of it: there stand bits of its own, so that its lexeme alone does not tell how long it is. */
function lexemeOf(known: StretchNames, parts: Parts): string {
  const word = known.names[parts.word] as string
  const missing = (LENGTHS.length - parts.beginnings.length) * BEGINNING_CHARACTERS
  const own = word.slice(WORD_CHARACTERS, WORD_CHARACTERS + missing)
  return beginningOf(known, parts) + own + word.slice(0, WORD_CHARACTERS)
}

/** @param word its place among the names. */
const doubledOf = ({ place, names }: StretchNames, word: number): string => `${place}.${names[word]}`

/** A part of a query, as it is written with the pseudonyms of a stretch. */
type Written = (known: StretchNames) => string

/**
 * Words as the search index holds them: pseudonyms under a key that is not in the database (docs/adr/0011). Knows no table.
 *
 * A word's pseudonym holds for a stretch of 1,024 messages of one conversation and means nothing elsewhere. So whoever
 * reads the disk sees how often some word comes back within a stretch, never which; and a stretch has at most 1,024 rows,
 * already of the right conversation, however frequent the word.
 */
import { createHmac, hkdfSync } from 'node:crypto'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { beginningsOf, indexedBeginning } from '../../domain/search/beginnings.ts'
import type { SearchQuery, Term } from '../../domain/search/query.ts'
import { unitsOf } from '../../domain/search/units.ts'
import { createPseudonyms, type Named } from './pseudonyms.ts'

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

/** Grows when the same text would give other lexemes. */
const VERSION = 4

export function createBlindLexemes(masterKey: Buffer): BlindLexemes {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', `triptick search ${VERSION}`, 32))
  const pseudonyms = createPseudonyms(key)

  return {
    fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, 16),
    document(conversationId, seq, text) {
      const words = new Map<string, string>()
      const beginnings = new Map<string, string>()
      for (const [index, { unit }] of unitsOf(text).entries()) {
        const known = words.get(unit)
        words.set(unit, known === undefined ? `${index + 1}` : `${known},${index + 1}`)
      }
      for (const [unit, positions] of words) {
        for (const start of beginningsOf(unit)) {
          const known = beginnings.get(start)
          beginnings.set(start, known === undefined ? positions : `${known},${positions}`)
        }
      }
      const names: Named[] = []
      for (const unit of words.keys()) names.push({ kind: 'word', unit })
      for (const unit of beginnings.keys()) names.push({ kind: 'beginning', unit })
      const [lexemes = []] = pseudonyms.of([{ conversationId, stretch: stretchOf(seq) }], names)
      let literal = ''
      let at = 0
      for (const known of [words, beginnings]) {
        for (const positions of known.values()) literal += `${lexemes[at++]}:${positions} `
      }
      return literal
    },
    queries(stretches, { all, none }) {
      const names: Named[] = []
      /** Of its own place among the names. */
      const name = (kind: Named['kind'], unit: string): number => names.push({ kind, unit }) - 1
      const term = ({ units, prefix }: Term): Written => {
        const lexemes = units.map((unit, index): Written => {
          const whole = name('word', unit)
          const start = prefix && index === units.length - 1 ? indexedBeginning(unit) : undefined
          if (start === undefined) return (known) => `'${known[whole]}'`
          const begun = name('beginning', start)
          return (known) => `('${known[whole]}'|'${known[begun]}')`
        })
        const [only, ...more] = lexemes
        if (only && more.length === 0) return only
        return (known) => `(${lexemes.map((lexeme) => lexeme(known)).join('<->')})`
      }
      const wanted = all.map(term)
      const unwanted = none.map(term)
      return pseudonyms
        .of(stretches, names)
        .map((known) =>
          [...wanted.map((one) => one(known)), ...unwanted.map((one) => `!${one(known)}`)].join('&'),
        )
    },
  }
}

/** A part of a query, as it is written with the pseudonyms of a stretch. */
type Written = (known: readonly string[]) => string

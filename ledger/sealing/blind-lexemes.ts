/**
 * Words as the search index holds them: pseudonyms under a key that is not in the database (docs/adr/0011). Pure but for
 * the key; knows no table.
 *
 * A word's pseudonym holds for a stretch of 1,024 messages of one conversation and means nothing elsewhere. So whoever
 * reads the disk sees how often some word comes back within a stretch, never which; and a look-up finds at most 1,024 rows,
 * already of the right conversation, however frequent the word.
 */
import { createHmac, hash, hkdfSync } from 'node:crypto'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { beginningsOf, indexedBeginning } from '../../domain/search/beginnings.ts'
import type { SearchQuery, Term } from '../../domain/search/query.ts'
import { unitsOf } from '../../domain/search/units.ts'

/**
 * Messages of a stretch. Smaller ones make a search over a long history more look-ups, larger ones make a frequent word
 * more rows. Changing it needs a new index.
 */
export const STRETCH = 1024

export const stretchOf = (seq: Seq): number => Math.floor((seq - 1) / STRETCH)

export interface BlindLexemes {
  /** Tells indexes under different keys apart, and of different versions of this file. */
  readonly fingerprint: string
  /** A text as the literal of a `tsvector`, positions included; empty when it holds no word. */
  document(conversationId: ConversationId, seq: Seq, text: string): string
  /** A query as the literal of a `tsquery` that finds it in one stretch. It finds a little more than what matches. */
  query(conversationId: ConversationId, stretch: number, query: SearchQuery): string
}

/** 48 bits: among the words of a stretch, two are taken for one another once in a hundred million; matches are compared anyway. */
const LEXEME_CHARACTERS = 8
/** Positions that Postgres keeps of a lexeme, and the highest of them. */
const MOST_POSITIONS = 255
const HIGHEST_POSITION = 16_383
/** Grows when the same text would give other lexemes. */
const VERSION = 1

export function createBlindLexemes(masterKey: Buffer): BlindLexemes {
  const key = Buffer.from(hkdfSync('sha256', masterKey, '', `triptick search ${VERSION}`, 32))
  /** 64 hex characters: just a block of SHA-256, so that a pseudonym costs one hash and not the two of an HMAC. */
  const stretchKey = (conversationId: ConversationId, stretch: number): string =>
    createHmac('sha256', key).update(`${conversationId} ${stretch}`).digest('hex')
  // What would break a plain hash with a secret in front, extending it, needs the whole hash; 48 bits of it are shown.
  const word = (stretch: string, unit: string): string =>
    hash('sha256', `${stretch}=${unit}`, 'base64url').slice(0, LEXEME_CHARACTERS)
  const beginning = (stretch: string, unit: string): string =>
    hash('sha256', `${stretch}^${unit}`, 'base64url').slice(0, LEXEME_CHARACTERS)

  function termLiteral(stretch: string, { units, prefix }: Term): string {
    const lexemes = units.map((unit, index) => {
      const whole = `'${word(stretch, unit)}'`
      const begun = prefix && index === units.length - 1 ? indexedBeginning(unit) : undefined
      return begun === undefined ? whole : `(${whole}|'${beginning(stretch, begun)}')`
    })
    return lexemes.length === 1 ? (lexemes[0] as string) : `(${lexemes.join('<->')})`
  }

  return {
    fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, 16),
    document(conversationId, seq, text) {
      const places = new Map<string, number[]>()
      for (const [index, { unit }] of unitsOf(text).entries()) {
        const position = Math.min(index + 1, HIGHEST_POSITION)
        const known = places.get(unit)
        if (!known) places.set(unit, [position])
        else if (known.length < MOST_POSITIONS) known.push(position)
      }
      const stretch = stretchKey(conversationId, stretchOf(seq))
      const begun = new Map<string, number[]>()
      const lexemes: string[] = []
      for (const [unit, positions] of places) {
        lexemes.push(`'${word(stretch, unit)}':${positions}`)
        for (const start of beginningsOf(unit)) {
          const known = begun.get(start)
          if (known) known.push(...positions)
          else begun.set(start, [...positions])
        }
      }
      for (const [start, positions] of begun) {
        lexemes.push(`'${beginning(stretch, start)}':${positions.slice(0, MOST_POSITIONS)}`)
      }
      return lexemes.join(' ')
    },
    query(conversationId, stretch, { all, none }) {
      const secret = stretchKey(conversationId, stretch)
      const wanted = all.map((term) => termLiteral(secret, term))
      const unwanted = none.map((term) => `!${termLiteral(secret, term)}`)
      return [...wanted, ...unwanted].join('&')
    },
  }
}

/** A message and a query have the same lexemes where they have the same words, and nothing else in common. */
import { expect, test } from 'vitest'
import type { ConversationId, Seq } from '../../domain/ids.ts'
import { parseQuery } from '../../domain/search/query.ts'
import { createBlindLexemes, STRETCH } from '../../ledger/sealing/blind-lexemes.ts'

const lexemes = createBlindLexemes(Buffer.alloc(32, 7))
const conversationId = '01890000-0000-7000-8000-000000000001' as ConversationId
const seq = 5 as Seq

/** The lexemes of a text, in the order of its words. */
const lexemesOf = (text: string, at: Seq = seq): string[] =>
  [...lexemes.document(conversationId, at, text).matchAll(/(\S+):[\d,]+ /g)].map(
    ([, lexeme]) => lexeme as string,
  )

const queryOf = (typed: string, stretch = 0): string =>
  lexemes.queries([{ conversationId, stretch }], parseQuery(typed))[0] ?? ''

const WORDS = ['a', 'ab', 'abc', 'abcd', 'abcde', 'abcdefg', 'abcdefgh', 'grüße', 'жизнь', '𝒳y']

test('a whole word is looked for by the lexeme that a message has of it', () => {
  for (const word of WORDS) expect(queryOf(`${word} `)).toBe(`'${lexemesOf(word)[0]}'`)
  expect(queryOf('"abc abcd"')).toBe(
    `(${lexemesOf('abc abcd')
      .map((lexeme) => `'${lexeme}'`)
      .join('<->')})`,
  )
})

test('the beginning of a word is looked for by the beginning of the lexemes of all that begin so, its own included', () => {
  for (const word of WORDS) {
    const [lexeme = ''] = lexemesOf(word)
    const characters = [...word]
    for (let typed = 2; typed <= characters.length; typed++) {
      const query = queryOf(characters.slice(0, typed).join(''))
      const [, begun = ''] = /^'(.+)':\*$/.exec(query) ?? []
      expect(begun).not.toBe('')
      expect(lexeme.startsWith(begun)).toBe(true)
      expect(lexemesOf('other words beside it').some((other) => other.startsWith(begun))).toBe(false)
    }
  }
  expect(queryOf('a')).toBe(`'${lexemesOf('a')[0]}'`)
  const reached = queryOf('abcd').replace(/':\*$/, '')
  expect(queryOf('abcdef')).toBe(`${reached}':*`)
  expect(queryOf('abcdefg').startsWith(reached)).toBe(true)
  expect(queryOf('abcdefg')).not.toBe(`${reached}':*`)
})

test('a lexeme alone does not tell how long its word is, and beyond its stretch nothing that two are the same', () => {
  const all = lexemesOf(WORDS.join(' '))
  expect(all).toHaveLength(WORDS.length)
  expect(new Set(all).size).toBe(WORDS.length)
  expect(new Set(all.map((lexeme) => lexeme.length)).size).toBe(1)
  const next = lexemesOf(WORDS.join(' '), (seq + STRETCH) as Seq)
  // But for the three characters of the stretch each part is another: its words, and what they begin with.
  const parts = (lexeme: string): string[] => [
    lexeme.slice(3, 5),
    lexeme.slice(5, 7),
    lexeme.slice(7, 9),
    lexeme.slice(9),
  ]
  for (const [n, lexeme] of all.entries()) {
    const same = parts(lexeme).filter((part, place) => part === parts(next[n] as string)[place])
    expect(same).toEqual([])
  }
})

test('a text without words has no lexeme', () => {
  expect(lexemes.document(conversationId, seq, '… !')).toBe('')
})

test('a word that stands twice in a row has a lexeme more, which a phrase of it asks for, but not of what may go on', () => {
  /** What a text has beyond its words: it has no position. */
  const doubledOf = (text: string): string[] =>
    lexemes
      .document(conversationId, seq, text)
      .split(' ')
      .filter((part) => part !== '' && !part.includes(':'))
  expect(doubledOf('ha so ha')).toEqual([])
  const [ha = '', ...more] = doubledOf('ha ha ha and so')
  expect(more).toEqual([])
  // No beginning of a word leads there.
  expect(ha).toMatch(/^[\w-]{3}\.[\w-]{12}$/)
  expect(doubledOf('so, so; ha ha')).toHaveLength(2)
  expect(doubledOf('so, so; ha ha')).toContain(ha)
  const word = `'${lexemesOf('ha')[0]}'`
  const typed = `'${lexemesOf('ha')[0]?.slice(0, 5)}':*`
  expect(queryOf('"ha ha"')).toBe(`(${word}<->${word}&'${ha}')`)
  expect(queryOf('so -"ha ha ha"')).toBe(`'${lexemesOf('so')[0]}'&!(${word}<->${word}<->${word}&'${ha}')`)
  expect(queryOf('ha ha ')).toBe(word)
  expect(queryOf('ha-ha')).toBe(`(${word}<->${typed})`)
  expect(queryOf('ha-ha-ha')).toBe(`(${word}<->${word}<->${typed}&'${ha}')`)
  // A character of 哈哈 is no beginning of anything longer.
  expect(queryOf('哈哈')).toContain(`&'${doubledOf('哈哈')[0]}')`)
})

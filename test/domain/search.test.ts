/** What search understands of texts and queries, without an index. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mentionsIn } from '../../domain/search/content.ts'
import { matchText } from '../../domain/search/match.ts'
import { parseQuery } from '../../domain/search/query.ts'
import { snippetOf } from '../../domain/search/snippet.ts'
import { unitsOf } from '../../domain/search/units.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 400 }),
  fc
    .array(
      fc.constantFrom(
        'Grüße',
        '東京',
        'ﾊﾟﾝ',
        '½',
        'e\u0301te',
        'don’t',
        '🎉',
        '👩‍👩‍👧',
        'السَّلام',
        ' ',
        ', ',
        '\n',
      ),
    )
    .map((parts) => parts.join('')),
)

test('every word of a text finds it, wherever it stands and whatever the script', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const { unit, start, end } of unitsOf(text)) {
        const match = matchText(parseQuery(`${unit} `), text)
        expect(match).not.toBeNull()
        expect(match?.spans.some(([from, to]) => from <= start && to >= end)).toBe(true)
      }
    }),
    { examples: [['Ǣ']] },
  )
})

test('the words of a file name are words, whatever joins them', () => {
  for (const name of [
    'Urlaub_Übersicht_2024.pdf',
    'urlaub-übersicht-2024.PDF',
    'urlaub.uebersicht_ubersicht.2024_pdf',
  ]) {
    for (const word of ['urlaub', 'übersicht', '2024', 'pdf']) {
      expect(matchText(parseQuery(`${word} `), name)).not.toBeNull()
    }
  }
})

test('ASCII, which is cut by a simpler expression, is cut as everything else is', () => {
  // Behind something that is not ASCII, and no word.
  const generally = (text: string) =>
    unitsOf(`… ${text}`).map(({ unit, start, end }) => ({ unit, start: start - 2, end: end - 2 }))
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 80 }), (text) => {
      expect(unitsOf(text)).toEqual(generally(text))
    }),
    { numRuns: 2_000 },
  )
})

test('marks are in order, within the text, apart from each other, and never inside a character', () => {
  const inside = (text: string, offset: number) => /[\udc00-\udfff]/.test(text.charAt(offset))
  fc.assert(
    fc.property(anyText, fc.string({ unit: 'grapheme', maxLength: 20 }), (text, typed) => {
      const query = parseQuery(`${typed} ${unitsOf(text)[0]?.unit ?? ''}`)
      const match = matchText(query, text)
      if (!match) return
      expect(match.relevance).toBeGreaterThan(0)
      expect(match.relevance).toBeLessThanOrEqual(1)
      const { snippet, matches } = snippetOf(text, match.spans)
      expect(matches.length).toBeGreaterThan(0)
      expect(text).toContain(snippet)
      let before = -1
      for (const [start, end] of matches) {
        expect(start).toBeGreaterThan(before)
        expect(end).toBeGreaterThan(start)
        expect(end).toBeLessThanOrEqual(snippet.length)
        expect(inside(snippet, start) || inside(snippet, end)).toBe(false)
        before = end
      }
    }),
  )
})

test.each(['Grüße', '東京タワー', 'ﾊﾟﾝ', 'don’t', '👩‍👩‍👧', 'السَّلام', 'ΟΔΟΣ', '½', 'ＡＢＣ'])(
  '%s is found as it is written',
  (word) => {
    expect(matchText(parseQuery(`${word} `), `well, ${word}!`)?.spans).not.toHaveLength(0)
    expect(matchText(parseQuery(`${word} `), 'well, no')).toBeNull()
  },
)

test('a word that is typed again is one to look for, and asks for texts that have it twice in a row', () => {
  const once = parseQuery('bora island "bora bora" -atoll ')
  const again = parseQuery('bora island bora "bora bora" bora "bora bora" -atoll ')
  expect(again.all).toEqual(once.all)
  expect(again.none).toEqual(once.none)
  // The last may be the beginning of a longer word: another question than the whole word.
  expect(parseQuery('bora bora').all).toEqual([
    { units: ['bora'], prefix: false },
    { units: ['bora'], prefix: true },
  ])
  const bora = parseQuery('bora bora ')
  const [twice, apart] = [matchText(bora, 'to bora bora'), matchText(bora, 'bora to bora')]
  expect(twice?.spans).toEqual([
    [3, 7],
    [8, 12],
  ])
  expect(twice?.relevance).toBeGreaterThan(apart?.relevance ?? 1)
})

test('of a word that is everywhere in a text, no more is marked than a snippet shows, and all of it counts', () => {
  const text = 'a '.repeat(4_096)
  const match = matchText(parseQuery('a "a a" "a a a" '), text)
  expect(match?.relevance).toBe(1)
  const { snippet, matches } = snippetOf(text, match?.spans ?? [])
  const marked = matches.map(([start, end]) => snippet.slice(start, end)).join(' ')
  expect(marked.replaceAll(' ', '')).toBe(snippet.replaceAll(' ', ''))
  const apart = matchText(parseQuery('a '), 'a b '.repeat(2_048))
  expect(apart?.spans).toHaveLength(160)
  expect(apart?.relevance).toBeCloseTo(0.4 + 0.3 + 0.3 * Math.sqrt(0.5))
})

test('anything can be typed into a search', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 256 }), (typed) => {
      const { all, none } = parseQuery(typed)
      for (const { units } of [...all, ...none]) for (const unit of units) expect(unit).not.toBe('')
    }),
  )
})

test('a long text is shown around its first match', () => {
  const text = `${'word '.repeat(100)}needle ${'word '.repeat(100)}`
  const { snippet, matches } = snippetOf(text, matchText(parseQuery('needle'), text)?.spans ?? [])
  expect(snippet.length).toBeLessThanOrEqual(160)
  expect(snippet.startsWith('word')).toBe(true)
  expect(matches.map(([start, end]) => snippet.slice(start, end))).toEqual(['needle'])
})

test.each([
  ['hi @ann', ['ann']],
  ['(@ann), @bob: hello', ['ann', 'bob:', 'bob']],
  ['@ann@example.com.', ['ann@example.com.', 'ann@example.com']],
  ['mail ann@example.com, a@@b', []],
  ['@ @, @é', []],
])('“%s” may mention %j', (text, expected) => {
  expect(mentionsIn({ kind: 'text', text })).toEqual(expected)
})

test('a message mentions a hundred people at most, and those that its client names', () => {
  const text = Array.from({ length: 300 }, (_, n) => `@u${n}`).join(' ')
  expect(mentionsIn({ kind: 'text', text })).toHaveLength(100)
  const sealed = { kind: 'sealed', suite: 'x', data: '', mentions: ['ann', 5, 'not an id'] } as const
  expect(mentionsIn(sealed)).toEqual(['ann'])
})

test('a character is compared with 30 of its marks, so that a text of nothing but marks takes no second', () => {
  const many = (base: string, ...marks: string[]) => base + marks.map((mark) => mark.repeat(4_000)).join('')
  // Each of these took half a second to two: a hundred of them would not be done in time.
  for (let times = 0; times < 30; times++) {
    for (const word of [many('a', '\u0301', '\u0323'), many('क', '\u093c', '\u0951'), many('א', '\u093e')]) {
      const [first, ...more] = unitsOf(`${word} b`)
      expect(first).toMatchObject({ start: 0, end: word.length })
      expect(more).toEqual([{ unit: 'b', start: word.length + 1, end: word.length + 2 }])
    }
  }
  expect(unitsOf(many('a', '\u0301'))[0]?.unit).toBe('a')
  const unitOf = (text: string) => unitsOf(text)[0]?.unit
  expect(unitOf(`क${'\u093c'.repeat(30)}\u0951`)).toBe(unitOf(`क${'\u093c'.repeat(30)}`))
  expect(unitOf(`क${'\u093c'.repeat(29)}\u0951`)).not.toBe(unitOf(`क${'\u093c'.repeat(29)}`))
  expect(matchText(parseQuery('a '), many('a', '\u0301', '\u0323'))?.spans).toEqual([[0, 8_001]])
})

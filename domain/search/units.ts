/**
 * Cuts a text of any language into the units that search compares, each folded and with its place in the original. Pure.
 *
 * A unit is a word (in a file name, too, which joins its words by `_`, `-` or `.`), or a single character in scripts that put no
 * spaces between words (there a word is searched as a phrase of its characters), or an emoji. Folding makes alike what people do
 * not tell apart when they type a search: case, width, accents of Latin and Greek, ё, Arabic and Hebrew vowel signs.
 */

export interface Unit {
  readonly unit: string
  /** UTF-16 offsets into the text as it was given; `end` is exclusive. */
  readonly start: number
  readonly end: number
}

/** Chinese, Japanese, Thai, Lao, Khmer, Burmese: no parser without a dictionary finds their words. */
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\u30fc\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}'
const EMOJI = '\\p{RI}{2}|\\p{ExtPict}(?:\\ufe0f|\\p{EMod}|\\u200d\\p{ExtPict})*'
const PIECES = new RegExp(`[${UNSPACED}]\\p{M}*|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+|${EMOJI}`, 'gu')

const PLAIN = /^[a-z0-9]*$/
/** Letters that carry their accent in their shape, so that no decomposition takes it away; and both small sigmas. */
const ALIKE: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  ς: 'σ',
}
const ALIKE_LETTERS = new RegExp(`[${Object.keys(ALIKE).join('')}]`, 'g')
/**
 * Marks that are left out, after decomposition. Not those of other scripts: there they are vowels (Devanagari), or make
 * another letter (й, が). Each looks back over those before it, of which there are 30 at most (`CROWDED`).
 */
const UNTOLD_MARKS = new RegExp(
  [
    '(?<=[\\p{Script=Latin}\\p{Script=Greek}]\\p{M}*)\\p{M}',
    '(?<=\\p{Script=Cyrillic})[\\u0301\\u0308]',
    '[\\u0640\\u064b-\\u065f\\u0670\\u0591-\\u05c7\\ufe0f\\u{1f3fb}-\\u{1f3ff}]',
  ].join('|'),
  'gu',
)

function fold(piece: string): string {
  const lower = piece.toLowerCase()
  if (PLAIN.test(lower)) return lower
  const bare = lower.normalize('NFKD').replace(UNTOLD_MARKS, '')
  // After the marks are gone: ǣ is an æ with one.
  const alike = bare.replace(ALIKE_LETTERS, (letter) => ALIKE[letter] ?? letter)
  // Nothing but marks stays as it is: a unit is never empty.
  return alike.normalize('NFC') || lower
}

/** What `PIECES` finds in ASCII, by a simpler expression. */
const ASCII = /^[\0-\x7f]*$/
const ASCII_PIECES = /[a-z0-9]+/gi

export function unitsOf(text: string): Unit[] {
  if (ASCII.test(text)) {
    return [...text.matchAll(ASCII_PIECES)].map(({ 0: piece, index }) => ({
      unit: piece.toLowerCase(),
      start: index,
      end: index + piece.length,
    }))
  }
  const { normal, spanOf } = compatible(text)
  const folded = new Map<string, string>()
  return [...normal.matchAll(PIECES)].map(({ 0: piece, index }) => {
    const [start, end] = spanOf(index, index + piece.length)
    let unit = folded.get(piece)
    if (unit === undefined) {
      unit = fold(piece)
      folded.set(piece, unit)
    }
    return { unit, start, end }
  })
}

/** A character with the marks behind it, the half-width voicing marks of Katakana included. */
const CLUSTERS = /[^\p{M}\uff9e\uff9f][\p{M}\uff9e\uff9f]*|[\p{M}\uff9e\uff9f]+/gu
/**
 * No language has more than 30 marks on a character (Unicode's stream-safe text, UAX #15). What comes after them is not compared: to
 * put them in their order, and to fold them, takes as long as their number squared: 0.5 to 2 s for a text of nothing else.
 */
const CROWDED = /[\p{M}\uff9e\uff9f]{31}/u
const UNCROWDED = /^.[\p{M}\uff9e\uff9f]{0,30}/su

interface Compatible {
  /** The text in NFKC, cluster by cluster. */
  readonly normal: string
  /** From offsets in `normal` to those in the text, widened to whole clusters. */
  spanOf(start: number, end: number): readonly [number, number]
}

function compatible(text: string): Compatible {
  const isCrowded = CROWDED.test(text)
  if (!isCrowded && text.normalize('NFKC') === text)
    return { normal: text, spanOf: (start, end) => [start, end] }
  let normal = ''
  const starts: number[] = []
  const ends: number[] = []
  for (const { 0: cluster, index } of text.matchAll(CLUSTERS)) {
    const compared = isCrowded ? (UNCROWDED.exec(cluster)?.[0] ?? cluster) : cluster
    normal += compared.normalize('NFKC')
    while (starts.length < normal.length) {
      starts.push(index)
      ends.push(index + cluster.length)
    }
  }
  return { normal, spanOf: (start, end) => [starts[start] ?? 0, ends[end - 1] ?? text.length] }
}

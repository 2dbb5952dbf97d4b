/** Which beginnings of a word are indexed, so that the beginning of a word finds it. Pure. */

/**
 * In code points. Not every length, because each costs an entry of the index (with 2, 3, 4, 6 and 9 a message had 27, with
 * these it has 20): a beginning of five characters is looked up by its first four, and what is found is compared in full.
 */
const LENGTHS = [2, 4, 7] as const
/** Shorter beginnings match whole words only: nearly every message has a word that begins with `s`. */
const SHORTEST = LENGTHS[0]

const ASCII = /^[a-z0-9]*$/

/** The proper beginnings of a word that are indexed. */
export function beginningsOf(unit: string): string[] {
  // Its code points are its UTF-16 units; taking others apart costs three times as much.
  if (ASCII.test(unit)) return shorterThan(unit.length).map((length) => unit.slice(0, length))
  const characters = [...unit]
  return shorterThan(characters.length).map((length) => characters.slice(0, length).join(''))
}

const shorterThan = (length: number): number[] => LENGTHS.filter((each) => each < length)

/** The longest indexed beginning of what somebody has typed so far; undefined where it is too short. */
export function indexedBeginning(typed: string): string | undefined {
  const characters = [...typed]
  const length = LENGTHS.findLast((each) => each <= characters.length)
  return length === undefined ? undefined : characters.slice(0, length).join('')
}

/** Whether a word is meant by what somebody has typed so far. */
export const beginsWith = (unit: string, typed: string): boolean =>
  unit === typed || (unit.startsWith(typed) && [...typed].length >= SHORTEST)

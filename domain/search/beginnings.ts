/** Which beginnings of a word are indexed, so that the beginning of a word finds it. Pure. */

/**
 * In code points. Not every length, because each costs an entry of the index: a beginning of five characters is looked up
 * by its first four, and what is found is compared in full.
 */
const LENGTHS = [2, 3, 4, 6, 9] as const
/** Shorter beginnings match whole words only: nearly every message has a word that begins with `s`. */
const SHORTEST = LENGTHS[0]

/** The proper beginnings of a word that are indexed. */
export function beginningsOf(unit: string): string[] {
  const characters = [...unit]
  return LENGTHS.filter((length) => length < characters.length).map((length) =>
    characters.slice(0, length).join(''),
  )
}

/** The longest indexed beginning of what somebody has typed so far; undefined where it is too short. */
export function indexedBeginning(typed: string): string | undefined {
  const characters = [...typed]
  const length = LENGTHS.findLast((each) => each <= characters.length)
  return length === undefined ? undefined : characters.slice(0, length).join('')
}

/** Whether a word is meant by what somebody has typed so far. */
export const beginsWith = (unit: string, typed: string): boolean =>
  unit === typed || (unit.startsWith(typed) && [...typed].length >= SHORTEST)

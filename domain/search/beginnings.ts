/** Which beginnings of a word the index tells apart, so that the beginning of a word finds it. Pure. */

/** In code points. Not every length, for each makes a lexeme longer: a beginning of five characters is looked up by its first four, and what is found is compared in full. */
export const LENGTHS = [2, 4, 7] as const
/** Shorter beginnings match whole words only: nearly every message has a word that begins with `s`. */
const SHORTEST = LENGTHS[0]

const ASCII = /^[a-z0-9]*$/

/** Those that a word has, or that somebody has typed so far: one for each length that it reaches, its own included. */
export function beginningsOf(unit: string): string[] {
  // Its code points are its UTF-16 units; taking others apart costs three times as much.
  if (ASCII.test(unit)) return reachedBy(unit.length).map((length) => unit.slice(0, length))
  const characters = [...unit]
  return reachedBy(characters.length).map((length) => characters.slice(0, length).join(''))
}

const reachedBy = (length: number): number[] => LENGTHS.filter((each) => each <= length)

/** Whether a word is meant by what somebody has typed so far. */
export const beginsWith = (unit: string, typed: string): boolean =>
  unit === typed || (unit.startsWith(typed) && [...typed].length >= SHORTEST)

/** What people type as names and passwords, in one form, however their keyboard makes the characters. */
import { longerThan } from '../../protocol/fields.ts'
import { ApiProblem } from '../problem.ts'

/** Of one character, as jamo or with its marks apart. */
const MOST_PARTS = 4

/**
 * @param field as it is called in the problem.
 * @throws ApiProblem `too_large`: more than so many characters. Far more are not even normalised: Unicode puts marks into order in a time
 *   that grows with their number squared, ten seconds for a request that is full of them.
 */
export function normalForm(typed: string, field: string, characters: number): string {
  const isTooLong = longerThan(typed, characters * MOST_PARTS)
  const normal = isTooLong ? '' : typed.normalize('NFKC')
  if (isTooLong || longerThan(normal, characters)) {
    throw new ApiProblem('too_large', `${field}: more than ${characters} characters`)
  }
  return normal
}

/** Names that people log in with: what is one, and which two are the same. */
import { LIMITS } from '../../protocol/limits.ts'
import { ApiProblem } from '../problem.ts'
import { normalForm } from './normal-form.ts'

export interface AccountName {
  /** As it is shown: in one normal form, without blanks around it. */
  readonly shown: string
  /** Equal for names that are the same. */
  readonly key: string
}

/** Controls, invisible marks, unassigned characters and line breaks: what cannot be seen cannot be told apart. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u
/** What else nobody sees: variation selectors but that of an emoji, fillers, joiners, the blank of Braille. Of new names only: an old one must open its account. */
const UNSEEN = /(?<!\p{ExtPict})\ufe0f|(?!\ufe0f)\p{DI}|\u2800/u

/** @throws ApiProblem */
export function accountName(typed: string): AccountName {
  const shown = normalForm(typed.trim(), 'name', LIMITS.nameCharacters).trim().replace(/\s+/gu, ' ')
  if (shown === '') throw new ApiProblem('bad_frame', 'name: is empty')
  if (INVISIBLE.test(shown)) throw new ApiProblem('bad_frame', 'name: contains invisible characters')
  // Upper and lower: `ß` and `SS`, the `K` of Kelvin and `k` are the same in one direction only.
  return { shown, key: shown.toUpperCase().toLowerCase().normalize('NFKC') }
}

/** Of an account that is to be made. @throws ApiProblem */
export function newAccountName(typed: string): AccountName {
  const name = accountName(typed)
  if (UNSEEN.test(name.shown)) throw new ApiProblem('bad_frame', 'name: contains invisible characters')
  return name
}

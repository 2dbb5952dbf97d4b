/** The fields that frames and HTTP bodies share, beside the identifiers of `domain/fields.ts`. */
import { z } from 'zod'
import type { Seq } from '../domain/ids.ts'

/** Unicode code points. */
const REF_CHARACTERS = 64

export const upTo = z.int().min(1).meta({
  description: 'The last of the messages that are meant, by its number in the conversation.',
}) as unknown as z.ZodType<Seq>
/** The client's own mark for an answer. A number comes back as the double that it is: an integer beyond 2^53 may have changed. */
export const ref = z
  .union([z.number(), z.string().max(REF_CHARACTERS)], {
    error: `must be a number, or a string of at most ${REF_CHARACTERS} characters`,
  })
  .meta({ description: 'The client’s own mark: the answer carries it.' })
/** What `ref` takes, told without making an issue of what it does not take: of a flood each frame is asked. */
export const isRef = (value: unknown): value is z.infer<typeof ref> =>
  typeof value === 'string' ? !longerThan(value, REF_CHARACTERS) : Number.isFinite(value)

/**
 * A list of no more than so many: a longer one is `too_large`, and nothing in it is looked at. (zod looks at every element before its
 * own `.max()`: of 130,000 that were wrong, in one request, it took seconds, and made 8 MB of issues.)
 */
export const atMost = <List extends z.ZodType>(most: number, what: string, list: List) =>
  z.preprocess((given, context) => {
    if (Array.isArray(given) && given.length > most) {
      context.addIssue({ code: 'custom', message: `at most ${most} ${what}`, params: TOO_LARGE })
    }
    return given
  }, list)
const TOO_LARGE = { code: 'too_large' }

/** By the `params` of an issue. */
export const isTooLong = (params: unknown): boolean => params === TOO_LARGE

/** Opaque to clients: a place in the ledger. */
export const position = z
  .string()
  .regex(/^[0-9]{1,20}$/, 'must be a position as this server gave it: a string of digits')
  .meta({ description: 'A place in the ledger, to be given back as it came: a string of digits.' })

/** Text that survives UTF-8 and Postgres: no lone surrogates, and no NUL where it is stored in a column. */
export const wellFormed = z.string().refine(isWellFormed, 'contains a lone surrogate')
export const title = wellFormed.min(1).refine((text) => !text.includes('\0'), 'contains NUL')

/** Code points; counted only when the cheap bound of UTF-16 units is passed. */
export function longerThan(text: string, codePoints: number): boolean {
  if (text.length <= codePoints) return false
  let count = 0
  for (const _ of text) if (++count > codePoints) return true
  return false
}

/**
 * Of canonical JSON: in it a lone surrogate stands as an escape (`\ud800`), and a pair as itself. Before the escape stands no backslash
 * that is not itself escaped.
 */
export const hasLoneSurrogate = (json: string): boolean =>
  json.includes('\\ud') && /(?<!\\)(\\\\)*\\ud[89a-f]/.test(json)

export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

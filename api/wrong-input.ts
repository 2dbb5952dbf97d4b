/** What is wrong with an input, in words, wherever its schema does not say so itself. Never what was given: it may be a body or a secret. */
import { z } from 'zod'

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}
const kindOf = (expected: string): string => KINDS[expected] ?? `of type ${expected}`

const oneOf = (values: readonly unknown[]): string => {
  const quoted = values.map((value) => JSON.stringify(value))
  return quoted.length > 1 ? `one of ${quoted.join(', ')}` : `${quoted[0]}`
}

/** What a limit counts: `"at most 50"`, `"at least 1 character"`, `"at most 100 elements"`. */
function counted(limit: number | bigint, origin: string): string {
  const unit = origin === 'string' ? 'character' : origin === 'array' ? 'element' : undefined
  if (unit === undefined) return `${limit}`
  return `${limit} ${unit}${Number(limit) === 1 ? '' : 's'}`
}

export const inWords: z.core.$ZodErrorMap = (issue) => {
  const isMissing = issue.input === undefined
  const must = (be: string) => (isMissing ? `is missing, and must be ${be}` : `must be ${be}`)
  switch (issue.code) {
    case 'invalid_type':
      return must(kindOf(issue.expected))
    case 'invalid_value':
      return must(oneOf(issue.values))
    case 'invalid_union':
      // Whoever gave none of the kinds that are told apart by this field.
      return Array.isArray(issue.options) ? must(oneOf(issue.options)) : undefined
    case 'too_small':
    case 'too_big': {
      const [bound, limit] =
        issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum]
      const have = issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be'
      return `must ${have} ${bound} ${counted(limit, issue.origin)}`
    }
    default:
      return undefined
  }
}

/** For this process: the messages that a schema gives itself come first. */
export const sayWrongInputInWords = (): void => {
  z.config({ customError: inWords })
}

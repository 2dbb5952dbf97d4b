import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../../domain/canonical-json.ts'
import { hasLoneSurrogate, isWellFormed } from '../../../protocol/fields.ts'

test('a lone surrogate is found wherever it stands in a content, and nothing that only looks like one', () => {
  const unit = fc.constantFrom('\\', 'u', 'd', '8', '0', '"', '\n', '\ud83d', '\ude00', '\ud83d\ude00')
  const some = fc.string({ unit, maxLength: 12 })
  fc.assert(
    fc.property(some, some, some, (key, value, text) => {
      const content = canonicalJson({ body: { text, more: { [key]: [value] } } })
      expect(hasLoneSurrogate(content)).toBe(![key, value, text].every(isWellFormed))
    }),
    { numRuns: 2_000 },
  )
})

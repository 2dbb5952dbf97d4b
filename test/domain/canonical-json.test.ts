import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../domain/canonical-json.ts'

test('is RFC 8785, for keys in any order, those that look like array indexes too', () => {
  const key = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.nat(20).map(String),
    fc.constantFrom('!', '-1', '01', 'a', 'b', 'B'),
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(key, tie('value'), { maxKeys: 6 }),
    ),
  }))
  fc.assert(
    fc.property(value, (any) => {
      expect(canonicalJson(any)).toBe(canonicalize(any))
    }),
  )
})

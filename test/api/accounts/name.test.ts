import { expect, test } from 'vitest'
import { accountName, newAccountName } from '../../../api/accounts/name.ts'

test.each([
  ['Alice', 'alice'],
  ['Alice', '  ALICE '],
  ['Ann  Lee', 'ann lee'],
  ['Straße', 'STRASSE'],
  ['\u212Bke', '\u00E5KE'],
  ['ﬁona', 'FIONA'],
  ['Ａｌｉｃｅ', 'alice'],
  ['Jose\u0301', 'JOSÉ'],
])('%j and %j are the same name', (one, other) => {
  expect(accountName(one).key).toBe(accountName(other).key)
})

test('a name is shown as it was typed, in one form', () => {
  expect(accountName('  Ann   Lee ').shown).toBe('Ann Lee')
  expect(accountName('李小龍').shown).toBe('李小龍')
})

test.each([
  ['empty', '', 'bad_frame'],
  ['of blanks', ' \u3000 ', 'bad_frame'],
  ['with a NUL', 'al\0ice', 'bad_frame'],
  ['with a zero-width space', 'al\u200Bice', 'bad_frame'],
  ['with a change of direction', 'al\u202Eice', 'bad_frame'],
  ['too long', 'x'.repeat(65), 'too_large'],
  ['too long once it is written out', 'ﷺ'.repeat(10), 'too_large'],
])('a name %s is refused', (_what, name, code) => {
  expect(() => accountName(name)).toThrow(expect.objectContaining({ code }))
})

test('64 characters are enough, also of those that take two places', () => {
  expect(accountName('𝒳'.repeat(64)).shown).toHaveLength(64)
  expect(accountName('🦊'.repeat(64)).shown).toHaveLength(128)
})

test.each([
  ['a variation selector', 'alice\uFE0F'],
  ['a selector of another plane', 'alice\u{E0100}'],
  ['a Mongolian selector', 'al\u180Bice'],
  ['a joiner', 'al\u034Fice'],
  ['a Hangul filler', 'alice\u3164'],
  ['the blank of Braille', 'alice\u2800'],
])('a new name with %s is refused, though who has it may log in', (_what, name) => {
  expect(() => newAccountName(name)).toThrow(expect.objectContaining({ code: 'bad_frame' }))
  expect(accountName(name).shown).not.toBe('alice')
})

test('a new name may have an emoji, as keyboards write it', () => {
  expect(newAccountName('Ann \u2764\uFE0F').shown).toBe('Ann \u2764\uFE0F')
})

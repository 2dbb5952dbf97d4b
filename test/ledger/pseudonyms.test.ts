import { createCipheriv, hash, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConversationId } from '../../domain/ids.ts'
import { createPseudonyms, type Named } from '../../ledger/sealing/pseudonyms.ts'

const key = Buffer.alloc(32, 7)
const pseudonyms = createPseudonyms(key)
const uuid = () => randomUUID() as string as ConversationId
const word = (unit: string): Named => ({ kind: 'word', unit })

/** CBC with an IV of zeros, of which the last block is the MAC, as OpenSSL has it. */
function macOf(conversationId: string, stretch: number, kind: number, unit: string): string {
  const message = Buffer.alloc(48)
  message.write(conversationId.replaceAll('-', ''), 'hex')
  message.writeInt32LE(stretch, 16)
  const bytes = Buffer.from(unit)
  const long = bytes.length > 15
  message[32] = long ? kind + 128 : kind
  if (long) hash('sha256', bytes, 'buffer').copy(message, 33, 0, 15)
  else bytes.copy(message, 33)
  return createCipheriv('aes-256-cbc', key, Buffer.alloc(16))
    .update(message)
    .subarray(32)
    .toString('base64url')
}

test('a pseudonym is a CBC-MAC of conversation, stretch and word, whatever the word and however many at once', () => {
  const named = fc.record({
    kind: fc.constantFrom('word' as const, 'beginning' as const),
    unit: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((unit) => !unit.includes('\0')),
  })
  const stretch = fc.record({
    conversationId: fc.uuid().map((id) => id as ConversationId),
    stretch: fc.nat(2 ** 21),
  })
  fc.assert(
    fc.property(
      fc.array(stretch, { maxLength: 5 }),
      fc.array(named, { maxLength: 8 }),
      (stretches, names) => {
        const expected = stretches.map(({ conversationId, stretch }) => {
          const place = macOf(conversationId, stretch, 0, '').slice(0, 3)
          const shown = names.map(({ kind, unit }) =>
            macOf(conversationId, stretch, kind === 'word' ? 1 : 2, unit).slice(0, 12),
          )
          return { place, names: shown }
        })
        expect(pseudonyms.of(stretches, names)).toEqual(expected)
      },
    ),
  )
})

test('a word has another pseudonym in each stretch and conversation, and so has what it begins', () => {
  const conversationId = uuid()
  const stretches = [
    { conversationId, stretch: 0 },
    { conversationId, stretch: 1 },
    { conversationId: uuid(), stretch: 0 },
  ]
  const [here, next, elsewhere] = pseudonyms.of(stretches, [word('ab'), { kind: 'beginning', unit: 'ab' }])
  const words = [here, next, elsewhere].flatMap((known) => known?.names ?? [])
  expect(new Set(words).size).toBe(6)
  expect(new Set([here, next, elsewhere].map((known) => known?.place)).size).toBe(3)
})

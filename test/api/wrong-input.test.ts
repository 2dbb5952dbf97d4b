/** What people are told of an input that is wrong: what is wanted, in words, and never what they gave. */
import { describe, expect, test } from 'vitest'
import type { ZodType } from 'zod'
import { sayWrongInputInWords } from '../../api/wrong-input.ts'
import { clientFrame } from '../../protocol/client-frames.ts'
import { searchQuery, socketQuery, startConversation } from '../../protocol/http.ts'

sayWrongInputInWords()

const wrong = (schema: ZodType, given: unknown) =>
  schema.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

const ID = '0190a1b2-0000-7000-8000-000000000001'
const SEND = {
  t: 'send',
  ref: 1,
  conversationId: ID,
  messageId: '0'.repeat(64),
  nonce: 'n'.repeat(16),
  clientAt: 1,
}
const SECRET = 'meet me at noon'

describe('a request is told', () => {
  test.each([
    [searchQuery, {}, 'q: is missing, and must be a string'],
    [searchQuery, { q: ' ' }, 'q: is blank'],
    [searchQuery, { q: 'a', limit: '1000' }, 'limit: must be at most 200'],
    [socketQuery, { device: 'a b' }, 'device: must be 1 to 64 of A-Z a-z 0-9 . _ -'],
    [socketQuery, { after: 'abc' }, 'after: must be a position as this server gave it: a string of digits'],
    [startConversation, [], ': must be an object'],
    [startConversation, { kind: 'grp', members: ['bob'] }, 'kind: must be one of "direct", "group"'],
    [startConversation, { kind: 'group' }, 'members: is missing, and must be a list'],
    [
      startConversation,
      { kind: 'group', members: ['a b'] },
      'members.0: must be 1 to 128 of A-Z a-z 0-9 . _ : @ -',
    ],
    [
      startConversation,
      { kind: 'group', members: ['bob'], title: '' },
      'title: must have at least 1 character',
    ],
    [
      startConversation,
      { kind: 'group', members: ['bob'], retention: { mode: 'ttl', seconds: 7.5 } },
      'retention.seconds: must be a whole number',
    ],
  ])('what is wanted of it', (schema: ZodType, given, told) => {
    expect(wrong(schema, given)).toEqual([told])
  })
})

describe('a frame is told', () => {
  test.each([
    [{ t: 'read', conversationId: 'x', upTo: 1 }, 'conversationId: must be a UUID in lower case'],
    [{ t: 'read', conversationId: ID, upTo: 0 }, 'upTo: must be at least 1'],
    [{ t: 'ack', position: 5 }, 'position: must be a string'],
    [{ t: 'typing' }, 'conversationId: is missing, and must be a string'],
    [{ t: 'watch', userIds: [], ref: true }, 'ref: must be a number, or a string of at most 64 characters'],
    [
      { ...SEND, body: { kind: SECRET, text: SECRET } },
      'body.kind: must be one of "text", "media", "sealed"',
    ],
    [{ ...SEND, body: SECRET }, 'body: must be an object'],
    [{ ...SEND, body: { kind: 'text', text: 5 } }, 'body.text: must be a string'],
    [
      { t: 'delete', ref: 1, conversationId: ID, messageId: SECRET },
      'messageId: must be a SHA-256 in 64 lower-case hex digits',
    ],
  ])('what is wanted of it, and not what it said', (given, told) => {
    expect(wrong(clientFrame, given)).toEqual([told])
  })

  test('which types there are, where it has none', () => {
    expect(wrong(clientFrame, {})?.[0]).toMatch(/^t: must be one of "send", "delivered", .*"ping"$/)
  })
})

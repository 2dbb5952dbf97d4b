/** Ids of messages, as the protocol defines them. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { compose, messageIdOf } from '../../client/message-id.ts'
import type { ConversationId, DeviceId, Millis, UserId } from '../../domain/ids.ts'
import { canonicalContent } from '../../protocol/message-id.ts'
import { readDoc } from '../docs/markdown.ts'

const sender = { userId: 'ada' as UserId, deviceId: 'phone' as DeviceId }
const conversationId = '0199a3c2-7d51-7a4e-9c65-3f0a2b1c4d5e' as ConversationId

test('the id is the SHA-256 of the canonical JSON that the protocol names, keys sorted, UTF-8', () => {
  const content = {
    senderId: sender.userId,
    nonce: 'nonce-nonce-nonce',
    deviceId: sender.deviceId,
    conversationId,
    clientAt: 1_767_225_600_000 as Millis,
    body: { text: 'Grüße 🐙\u2028', kind: 'text' as const },
  }
  const canonical =
    `{"body":{"kind":"text","text":"Grüße 🐙\u2028"},"clientAt":1767225600000,` +
    `"conversationId":"${conversationId}","deviceId":"phone","nonce":"nonce-nonce-nonce","senderId":"ada"}`
  expect(messageIdOf(content)).toBe(createHash('sha256').update(canonical, 'utf8').digest('hex'))
})

test('the example of docs/protocol.md is one', () => {
  const [, json = '', id] =
    /```json\n(\{"body".*)\n```\n\n {4}([0-9a-f]{64})\n/.exec(readDoc('protocol.md')) ?? []
  const content = JSON.parse(json)
  expect(canonicalContent(content)).toBe(json)
  expect(messageIdOf(content)).toBe(id)
})

test('the same words twice are two messages', () => {
  const [one, two] = [1, 2].map(() => compose(sender, conversationId, { kind: 'text', text: 'ok' }))
  expect(one?.messageId).not.toBe(two?.messageId)
  expect(one?.nonce).toMatch(/^[A-Za-z0-9_-]{16,64}$/)
})

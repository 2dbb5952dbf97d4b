/** Requests over HTTP that are wrong, too large, or ask for what is others’: each is a problem with its code. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startConversation } from '../../protocol/http.ts'
import { begin, call, join, messageIdOf, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { alice, SECRETS, UNKNOWN } from './bad-input-kit.ts'

let system: System
let url: string
let direct: string
beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  direct = await begin(url, 'alice', 'direct', ['bob'])
  // So that there is something to keep from others.
  const chat = await join(url, 'alice')
  await chat.say(direct, 'for bob alone')
  await chat.close()
})
afterAll(() => system.stop())

describe('over HTTP', () => {
  const wrong: readonly (readonly [string, string, string, object | undefined, number, string])[] = [
    ['an unknown route', 'GET', '/v1/nonsense', undefined, 404, 'not_found'],
    ['a conversation id that is none', 'GET', '/v1/conversations/1', undefined, 400, 'bad_frame'],
    ['an unknown conversation', 'GET', `/v1/conversations/${UNKNOWN}`, undefined, 404, 'not_found'],
    [
      'history of an unknown conversation',
      'GET',
      `/v1/conversations/${UNKNOWN}/messages`,
      undefined,
      404,
      'not_found',
    ],
    [
      'a direct conversation with oneself',
      'POST',
      '/v1/conversations',
      { kind: 'direct', members: ['alice'] },
      400,
      'bad_frame',
    ],
    [
      'a title with NUL',
      'POST',
      '/v1/conversations',
      { kind: 'group', members: ['bob'], title: 'a\0b' },
      400,
      'bad_frame',
    ],
    [
      'a title too long',
      'POST',
      '/v1/conversations',
      { kind: 'group', members: ['bob'], title: 'x'.repeat(257) },
      413,
      'too_large',
    ],
    ['a cursor that is none', 'GET', '/v1/inbox?after=zzz', undefined, 400, 'bad_frame'],
    ['a page too large', 'GET', '/v1/inbox?limit=9999', undefined, 400, 'bad_frame'],
  ]
  test.each(wrong)('%s is a problem with its code', async (_name, method, path, body, status, code) => {
    expect(await call(url, 'alice', method, path, body)).toMatchObject({ status, body: { code, status } })
  })

  test('a list that is too long is too large, whatever is in it, and of many mistakes a few are told', async () => {
    const group = (members: unknown[]) =>
      call(url, 'alice', 'POST', '/v1/conversations', { kind: 'group', members })
    const zeros = (length: number) => Array.from({ length }, () => 0)
    expect(
      startConversation.safeParse({ kind: 'group', members: zeros(130_000) }).error?.issues,
    ).toHaveLength(1)
    const tooLong = await group(zeros(130_000))
    expect(tooLong).toMatchObject({
      status: 413,
      body: { code: 'too_large', detail: '/members: at most 1024 people' },
    })
    const wrong = await group(zeros(1000))
    expect(wrong).toMatchObject({ status: 400, body: { code: 'bad_frame' } })
    expect(wrong.body.detail.match(/members/g)).toHaveLength(5)
    expect(wrong.body.detail).toMatch(/; and 995 more$/)
  })

  test('others’ conversations, histories and receipts stay theirs', async () => {
    for (const path of ['', '/messages', '/messages/1/receipts']) {
      expect(await call(url, 'mallory', 'GET', `/v1/conversations/${direct}${path}`)).toMatchObject({
        status: 403,
        body: { code: 'not_member' },
      })
    }
  })

  test('a message that no frame could carry is too large', async () => {
    const { deviceId, userId } = alice
    const { clientAt, nonce } = textFrame(alice, direct, 'x')
    const body = { kind: 'text', text: 'x', more: 'y'.repeat(200_000) }
    const messageId = messageIdOf({
      body,
      clientAt,
      conversationId: direct,
      deviceId,
      nonce,
      senderId: userId,
    })
    const answer = await call(url, 'alice', 'POST', `/v1/conversations/${direct}/messages`, {
      messageId,
      nonce,
      clientAt,
      body,
      deviceId,
    })
    expect(answer).toMatchObject({ status: 413, body: { code: 'too_large' } })
  })

  test('a body that is not JSON is a bad_frame', async () => {
    const response = await fetch(`${url}/v1/conversations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenFor('alice')}`, 'content-type': 'application/json' },
      body: '{"kind":',
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'bad_frame' })
  })
})

test('no token or secret was logged', () => {
  const log = system.logged.join('')
  for (const secret of [...SECRETS, 'for bob alone']) expect(log).not.toContain(secret)
})

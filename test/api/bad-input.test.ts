import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../protocol/errors.ts'
import { startConversation } from '../../protocol/http.ts'
import { begin, type Chat, call, type Frame, join, messageIdOf, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string
let direct: string
let watcher: Chat

beforeAll(async () => {
  // Without workers: their attempts would be facts that no client caused.
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  direct = await begin(url, 'alice', 'direct', ['bob'])
  watcher = await join(url, 'bob')
})
afterAll(async () => {
  await watcher.close()
  await system.stop()
})

async function query(text: string): Promise<Frame[]> {
  const client = new pg.Client({ connectionString: system.database.url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** Coming, going and being seen is recorded too, of whoever sends whatever. */
const OF_CONVERSATIONS = `stream NOT LIKE 'user-%'`
const events = async () =>
  Number((await query(`SELECT max(position) AS last FROM ledger.events WHERE ${OF_CONVERSATIONS}`))[0]?.last)
const eventsAfter = (position: number) =>
  query(`SELECT type, metadata FROM ledger.events WHERE position > ${position} AND ${OF_CONVERSATIONS}`)

/** Sends one frame on a fresh socket and answers the error that comes of it; nothing may have been written. */
async function errorOf(frame: Frame | string, userId = 'alice'): Promise<Frame> {
  const before = await events()
  const chat = await join(url, userId)
  chat.raw(typeof frame === 'string' ? frame : JSON.stringify(frame))
  const error = await chat.get({ t: 'error' })
  await chat.close()
  expect(await events()).toBe(before)
  expect(error).toMatchObject({ retryable: ERRORS[error.code as keyof typeof ERRORS].retryable })
  return error
}

const alice = { userId: 'alice', deviceId: 'default' }
const UNKNOWN = '0190a1b2-0000-7000-8000-00000000dead'

describe('a frame that is wrong gets an error with its code, the connection lives, nothing is written', () => {
  const cases: readonly (readonly [string, () => Frame | string, string])[] = [
    ['that is not JSON', () => '{"t":', 'bad_frame'],
    ['that is a number', () => '42', 'bad_frame'],
    ['that is null', () => 'null', 'bad_frame'],
    ['of an unknown type', () => ({ t: 'dance', ref: 1 }), 'bad_frame'],
    [
      'with a wrong type in a field',
      () => ({ ...textFrame(alice, direct, 'x'), clientAt: 'now' }),
      'bad_frame',
    ],
    ['with a missing field', () => ({ ...textFrame(alice, direct, 'x'), nonce: undefined }), 'bad_frame'],
    ['with a nonce too short', () => ({ ...textFrame(alice, direct, 'x'), nonce: 'short' }), 'bad_frame'],
    ['with an empty text', () => textFrame(alice, direct, ''), 'bad_frame'],
    ['with a lone surrogate', () => textFrame(alice, direct, '\ud800'), 'bad_frame'],
    ['with a text too long', () => textFrame(alice, direct, 'x'.repeat(8193)), 'too_large'],
    [
      'with a forged id',
      () => ({ ...textFrame(alice, direct, 'x'), messageId: 'a'.repeat(64) }),
      'id_mismatch',
    ],
    ['to an unknown conversation', () => textFrame(alice, UNKNOWN, 'x'), 'not_found'],
    [
      'that acknowledges beyond the last seq',
      () => ({ t: 'delivered', conversationId: direct, upTo: 9 }),
      'conflict',
    ],
    ['that acknowledges seq 0', () => ({ t: 'read', conversationId: direct, upTo: 0 }), 'bad_frame'],
    [
      'that acknowledges half a message',
      () => ({ t: 'read', conversationId: direct, upTo: 0.5 }),
      'bad_frame',
    ],
    [
      'that deletes what is not there',
      () => ({ t: 'delete', ref: 1, conversationId: direct, messageId: 'b'.repeat(64) }),
      'not_found',
    ],
    ['with a position that is none', () => ({ t: 'ack', position: 'here' }), 'bad_frame'],
  ]
  test.each(cases)('%s', async (_name, frame, code) => {
    expect(await errorOf(frame())).toMatchObject({ code, message: expect.stringMatching(/./) })
  })

  test('to somebody else’s conversation', async () => {
    expect(
      await errorOf(textFrame({ userId: 'mallory', deviceId: 'default' }, direct, 'x'), 'mallory'),
    ).toMatchObject({
      code: 'not_member',
    })
    expect(await errorOf({ t: 'read', conversationId: direct, upTo: 1 }, 'mallory')).toMatchObject({
      code: 'not_member',
    })
  })

  test('that acknowledges less than before', async () => {
    const id = await begin(url, 'alice', 'direct', ['back'])
    const [a, b] = [await join(url, 'alice', { device: 'a2' }), await join(url, 'back')]
    await a.say(id, '1')
    await a.say(id, '2')
    b.send({ t: 'read', ref: 1, conversationId: id, upTo: 2 })
    await b.get({ ref: 1 })
    b.send({ t: 'read', ref: 2, conversationId: id, upTo: 1 })
    expect(await b.get({ ref: 2 })).toMatchObject({ t: 'error', code: 'conflict' })
    await Promise.all([a.close(), b.close()])
  })
})

describe('a connection', () => {
  test('ends with 1009 after a frame over 64 KiB', async () => {
    const chat = await join(url, 'alice')
    chat.raw(`{"t":"ping","x":"${'x'.repeat(64 * 1024)}"}`)
    expect((await chat.closed).code).toBe(1009)
  })

  test('ends with 4400 after repeated bad frames', async () => {
    const chat = await join(url, 'alice')
    for (let i = 0; i < 15; i++) chat.raw('nonsense')
    expect((await chat.closed).code).toBe(4400)
    expect(chat.all({ t: 'error', code: 'bad_frame' })).toHaveLength(10)
  })

  test('survives frames of types that this version does not know', async () => {
    const chat = await join(url, 'alice')
    for (let i = 0; i < 30; i++) chat.send({ t: 'dance', conversationId: direct })
    chat.send({ t: 'ping' })
    await chat.get({ t: 'pong' })
    expect(chat.all({ t: 'error', code: 'bad_frame' })).toHaveLength(30)
    await chat.close()
  })

  test('with 10,000 frames at once answers every one of them, and others hardly notice', async () => {
    const id = await begin(url, 'storm', 'direct', ['calm'])
    const [storm, a, b] = [await join(url, 'storm'), await join(url, 'alice', { device: 'c1' }), watcher]
    const frames = Array.from({ length: 10_000 }, (_, i) => textFrame(storm, id, `flood ${i}`, i))
    for (const frame of frames) storm.send(frame)
    const before = b.all({ t: 'message' }).length
    // A machine with little room refuses for a moment: then the other says it again, as any client does.
    const say = () => a.say(direct, 'in the middle of the storm').catch((error) => String(error))
    await expect.poll(say, { timeout: 30_000, interval: 500 }).toMatchObject({ t: 'sent' })
    await expect.poll(() => b.all({ t: 'message' }).length).toBe(before + 1)
    await expect
      .poll(() => storm.all({ t: 'sent' }).length + storm.all({ t: 'error' }).length, { timeout: 30_000 })
      .toBe(10_000)
    const refused = storm.all({ t: 'error' })
    // A machine with little room may find itself overloaded as well; which of the two, the code says.
    const codes = new Set(refused.map(({ code }) => code))
    expect(codes).toContain('rate_limited')
    codes.delete('overloaded')
    expect([...codes]).toEqual(['rate_limited'])
    expect(refused.every(({ retryAfterMs }) => retryAfterMs > 0)).toBe(true)
    const seqs = storm.all({ t: 'sent' }).map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, i) => i + 1))
    await Promise.all([storm.close(), a.close()])
  }, 90_000)
})

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

test('fuzzed with anything at all, the server answers with codes of the catalogue and serves on', async () => {
  const json = fc.jsonValue({ maxDepth: 4 })
  const nearly = fc
    .record({
      key: fc.constantFrom('t', 'ref', 'conversationId', 'messageId', 'nonce', 'clientAt', 'body'),
      value: json,
    })
    .map(({ key, value }) => ({ ...textFrame(alice, direct, 'x'), [key]: value }))
  const bytes = fc.uint8Array({ maxLength: 300 })
  const input = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    nearly.map((value) => JSON.stringify(value)),
    fc.string({ unit: 'binary', maxLength: 300 }),
    bytes.map((data) => Buffer.from(data)),
  )
  // After the storms of the tests before, new sockets are taken at a low rate for a moment.
  const loadState = async () =>
    /^triptick_load_state.* (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]
  await expect.poll(loadState, { timeout: 60_000 }).toBe('0')
  const before = await events()
  const proven = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(input, { minLength: 1, maxLength: 8 }), async (inputs) => {
      const chat = await join(url, 'alice', { device: 'fuzz' })
      for (const data of inputs) {
        chat.raw(data)
        // A frame whose only change is its `ref` is a good one; so is whatever its messageId proves.
        const messageId = /"messageId":"([0-9a-f]{64})"/.exec(String(data))?.[1]
        if (messageId) proven.add(messageId)
      }
      chat.send({ t: 'ping' })
      await Promise.race([chat.get({ t: 'pong' }), chat.closed])
      for (const error of chat.all({ t: 'error' })) expect(Object.keys(ERRORS)).toContain(error.code)
      await chat.close()
    }),
    { numRuns: 60 },
  )
  for (const { type, metadata } of await eventsAfter(before)) {
    expect(type).toBe('MessageSent')
    expect(proven).toContain(metadata.commandId)
  }
  const chat = await join(url, 'alice')
  await chat.say(direct, 'still here')
  await watcher.get((frame) => frame.t === 'message' && frame.body?.text === 'still here')
  await chat.close()
}, 120_000)

test('no body, token or secret was logged', () => {
  const log = system.logged.join('')
  for (const secret of ['in the middle of the storm', 'flood 1', 'still here', 'thirty-two bytes', 'eyJ']) {
    expect(log).not.toContain(secret)
  }
})

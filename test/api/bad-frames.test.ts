/** Frames that are wrong: what the answer is, that nothing is written, and what ends a connection. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../protocol/errors.ts'
import { begin, type Frame, join, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'
import { alice, recordedIn, SECRETS, UNKNOWN } from './bad-input-kit.ts'

let system: System
let url: string
let direct: string
beforeAll(async () => {
  // Without workers: their attempts would be facts that no client caused.
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
  direct = await begin(url, 'alice', 'direct', ['bob'])
})
afterAll(() => system.stop())

const { events } = recordedIn(() => system)

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
})

test('no token or secret was logged', () => {
  const log = system.logged.join('')
  for (const secret of SECRETS) expect(log).not.toContain(secret)
})

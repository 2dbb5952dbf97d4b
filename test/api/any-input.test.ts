/** Anything at all, and any amount of it: the server answers it, serves others meanwhile and afterwards, and logs nothing of it. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../protocol/errors.ts'
import { begin, type Chat, join, textFrame } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'
import { alice, recordedIn, SECRETS } from './bad-input-kit.ts'

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

const { events, eventsAfter } = recordedIn(() => system)

describe('a connection', () => {
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
  for (const secret of ['in the middle of the storm', 'flood 1', 'still here', ...SECRETS]) {
    expect(log).not.toContain(secret)
  }
})

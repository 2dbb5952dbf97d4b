/** The suite finds out systems that break a promise: one that behaves, behind a proxy that makes it lie. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AREAS } from '../../cli/conformance/checks.ts'
import { runChecks } from '../../cli/conformance/run.ts'
import { tokensFromSecret } from '../../cli/conformance/tokens.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'
import { type Lie, startLiar } from './liar.ts'

const SECRET = 'a secret of at least thirty-two bytes, for tests'

let system: System
beforeAll(async () => {
  system = await startSystem({ workers: false })
})
afterAll(() => system.stop())

/** The promises of one area that a liar was seen to break. */
async function brokenBy(lie: Lie, area: string, patienceMs = 4000): Promise<readonly string[]> {
  const liar = await startLiar(system.urls[0] as string, lie)
  try {
    const areas = AREAS.filter((one) => one.area === area)
    const options = { tokens: tokensFromSecret(SECRET), urls: [liar.url], patienceMs }
    const results = await runChecks(areas, options, () => {}, new AbortController().signal)
    expect(results.length).toBeGreaterThan(5)
    return results.filter(({ outcome }) => outcome === 'broken').map(({ promise }) => promise)
  } finally {
    await liar.stop()
  }
}

test('an honest system is found honest behind the proxy too', async () => {
  for (const area of ['messages', 'receipts', 'http']) expect(await brokenBy({}, area, 30_000)).toEqual([])
})

const ONCE = 'sent again, anywhere, a message gets the same answer and exists once'
const lies: readonly (readonly [string, string, Lie, string])[] = [
  [
    'tells a message twice',
    'devices and returning',
    { frame: (frame) => (frame.t === 'message' ? [frame, frame] : [frame]) },
    'who comes while others go on writing misses nothing and gets nothing twice',
  ],
  [
    'loses every third message',
    'devices and returning',
    { frame: (frame) => (frame.t === 'message' && frame.seq % 3 === 0 ? [] : [frame]) },
    'everything missed comes in order before `live`, receipts too',
  ],
  [
    'gives a resend another time',
    'messages',
    {
      frame: (frame) =>
        frame.t === 'sent' ? [{ ...frame, at: frame.at + Math.ceil(Math.random() * 1e6) }] : [frame],
    },
    ONCE,
  ],
  [
    'keeps receipts to itself',
    'receipts',
    { frame: (frame) => (frame.t === 'receipt' && frame.ref === undefined ? [] : [frame]) },
    '`delivered` and `read` reach the sender, each once with its time',
  ],
  [
    'changes what was said',
    'messages',
    {
      frame: (frame) =>
        frame.t === 'message' ? [{ ...frame, body: { kind: 'text', text: 'no' } }] : [frame],
    },
    'every kind of body arrives as it was sent, with fields that nobody knows',
  ],
  [
    'tells no codes',
    'http',
    { answer: (status, body) => (status >= 400 ? { ...body, code: undefined } : body) },
    'every problem has a code of the catalogue',
  ],
]

describe('the suite finds out a system that', () => {
  test.each(lies)(
    '%s',
    async (_what, area, lie, promise) => {
      expect(await brokenBy(lie, area)).toContain(promise)
    },
    120_000,
  )

  test('lets everybody in', async () => {
    const anybody = await tokenFor('anybody')
    const broken = await brokenBy({ authorization: () => `Bearer ${anybody}` }, 'identity')
    expect(broken).toContain('without a token nothing opens')
    expect(broken).toContain('a token that has expired opens nothing')
  })
})

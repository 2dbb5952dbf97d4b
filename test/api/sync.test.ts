import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, type Frame, join, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let database: pg.Pool
const url = (node = 0) => system.urls[node] as string

beforeAll(async () => {
  system = await startSystem({ apiNodes: 2, workers: false })
  database = new pg.Pool({ connectionString: system.database.url, max: 2 })
})
afterAll(async () => {
  await database?.end()
  await system?.stop()
})

const people = createCast()

interface Page {
  readonly frames: Frame[]
  readonly position: string
  readonly more: boolean
}

interface Asked {
  readonly after?: string
  readonly wait?: number
  readonly device?: string
  readonly node?: number
}

async function poll(userId: string, { node, ...query }: Asked = {}): Promise<Page> {
  const asked = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  )
  const { status, body } = await call(url(node), userId, 'GET', `/v1/sync?${asked}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as Page
}

async function post(userId: string, frames: Frame[], device = 'default', node = 0) {
  const { status, body } = await call(url(node), userId, 'POST', '/v1/sync', { device, frames })
  expect(status, JSON.stringify(body)).toBe(200)
  return body.frames as Frame[]
}

/** The nodes on which this person's devices are: one that is not there any more has heard that it was replaced. */
async function nodesOf(userId: string): Promise<string[]> {
  const { rows } = await database.query('SELECT node FROM gateway.sessions WHERE user_id = $1', [userId])
  return rows.map(({ node }) => node)
}

const kinds = (frames: readonly Frame[]) =>
  frames.map(({ t, seq, kind, upTo }) =>
    [t, seq ?? (t === 'receipt' ? `${kind} ${upTo}` : '')].join(' ').trim(),
  )

describe('whom a device that polls watches', () => {
  const about = (userId: string) => ({ t: 'presence', userId })

  test('it is told of, also if it said so before the first poll', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    await begin(url(), ann, 'direct', [ben])
    expect(await post(ben, [{ t: 'watch', userIds: [ann] }])).toEqual([])

    let after: string | undefined
    /** Polls until there is a word of ann. */
    const wordOf = async () => {
      for (;;) {
        const page = await poll(ben, { wait: 10, ...(after === undefined ? {} : { after }) })
        after = page.position
        const word = page.frames.findLast(({ t }) => t === 'presence')
        if (word) return word
      }
    }
    expect(await wordOf()).toMatchObject({ ...about(ann), online: false })
    const a = await join(url(), ann)
    expect(await wordOf()).toMatchObject({ ...about(ann), online: true })
    await a.close()
    expect(await wordOf()).toMatchObject({ ...about(ann), online: false })
  })

  test('is the last list that it gave: nobody, if that was empty', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    await begin(url(), ann, 'direct', [ben])
    await post(ben, [{ t: 'watch', userIds: [ann] }])
    await post(ben, [{ t: 'watch', userIds: [] }])
    const a = await join(url(), ann)
    const { frames } = await poll(ben, { wait: 1 })
    expect(frames.filter(({ t }) => t === 'presence')).toEqual([])
    await a.close()
  })
})

describe('a long poll', () => {
  test('answers at once with everything missed in the order it happened, then `live`, and a position to go on from', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const a = await join(url(), ann)
    await a.say(id, 'one')
    await a.say(id, 'two')
    const page = await poll(ben, { wait: 20 })
    expect(kinds(page.frames)).toEqual(['conversation', 'message 1', 'message 2', 'live'])
    expect(page).toMatchObject({
      more: false,
      frames: [{}, { body: { text: 'one' } }, {}, { position: page.position }],
    })

    // The same again, as when the answer was lost; and nothing any more with its position.
    expect((await poll(ben)).frames.slice(0, -1)).toEqual(page.frames.slice(0, -1))
    expect((await poll(ben, { after: page.position })).frames).toEqual([])
    // What it came back with is kept: on a socket, it does not come again either.
    const b = await join(url(1), ben)
    expect(b.all({ t: 'message' })).toEqual([])
    await Promise.all([a.close(), b.close()])
  })

  test('returns as soon as something is there, from whichever node, and not before', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const a = await join(url(), ann)
    let { position } = await poll(ben, { node: 1 })
    let answered = false
    const waiting = poll(ben, { node: 1, after: position, wait: 60 }).finally(() => {
      answered = true
    })
    // It stores what it says to have just before it looks for the first time.
    const stored = 'SELECT position FROM gateway.devices WHERE user_id = $1'
    await expect.poll(async () => (await database.query(stored, [ben])).rows).toEqual([{ position }])
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(answered).toBe(false)
    await a.say(id, 'hello')
    const page = await waiting
    expect(kinds(page.frames)).toEqual(['message 1'])
    position = page.position
    // Receipts and deletions too.
    const b = await join(url(), ben, { device: 'other' })
    const reading = poll(ann, { node: 1, device: 'laptop', after: position, wait: 60 })
    b.send({ t: 'read', conversationId: id, upTo: 1 })
    expect(kinds((await reading).frames)).toContain('receipt read 1')
    const deleting = poll(ben, { node: 1, after: (await poll(ben, { after: position })).position, wait: 60 })
    a.send({ t: 'delete', ref: 1, conversationId: id, messageId: page.frames[0]?.messageId })
    expect(kinds((await deleting).frames)).toContain('deleted 1')
    await Promise.all([a.close(), b.close()])
  })

  test('answers with nothing when the time is up', async () => {
    const [ann] = people('ann') as [string]
    const { position } = await poll(ann)
    const since = performance.now()
    expect(await poll(ann, { after: position, wait: 1 })).toMatchObject({ frames: [], more: false })
    expect(performance.now() - since).toBeGreaterThan(950)
  })

  test('gives bounded pages, each with a position to go on from, on any node', async () => {
    const [ann, ben, cleo] = people('ann', 'ben', 'cleo') as [string, string, string]
    const ids = [await begin(url(), ann, 'direct', [ben]), await begin(url(), ann, 'group', [ben, cleo])]
    const a = await join(url(), ann)
    // Of all at once a node that has just stood still refuses some.
    for (let n = 0; n < 230; n += 10) {
      const numbers = Array.from({ length: 10 }, (_, i) => n + i)
      const sends = numbers.flatMap((number) =>
        ids.map((id) => textFrame(a, id, `${number}`, `${id} ${number}`)),
      )
      a.send(sends)
      await Promise.all(sends.map(({ ref }) => a.get({ t: 'sent', ref })))
    }
    const got: Frame[] = []
    let page: Page = { frames: [], position: '', more: true }
    for (let pages = 0; page.more; pages++) {
      page = await poll(ben, { node: pages % 2, ...(page.position === '' ? {} : { after: page.position }) })
      expect(page.frames.length).toBeLessThanOrEqual(201)
      expect(page.frames.length).toBeGreaterThan(0)
      got.push(...page.frames)
    }
    for (const id of ids) {
      const seqs = got.filter(({ t, conversationId }) => t === 'message' && conversationId === id)
      expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: 230 }, (_, n) => n + 1))
    }
    expect(got.filter(({ t }) => t === 'conversation')).toHaveLength(2)
    expect(got.at(-1)?.t).toBe('live')
    await a.close()
  })

  test('bounds a page of large messages by what it weighs', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const a = await join(url(), ann)
    for (let n = 0; n < 40; n++) await a.say(id, '𝕏'.repeat(8192))
    for (let page = await poll(ben), pages = 1; ; pages++) {
      expect(JSON.stringify(page).length).toBeLessThan(1.1 * 1024 * 1024)
      if (!page.more) {
        expect(page.frames.some(({ seq }) => seq === 40)).toBe(true)
        break
      }
      expect(pages).toBeLessThan(5)
      page = await poll(ben, { after: page.position })
    }
    await a.close()
  })

  test('is refused when the same device connects elsewhere, and replaces a socket of its device', async () => {
    const [ann] = people('ann') as [string]
    const first = await join(url(1), ann)
    const { position } = await poll(ann)
    expect((await first.closed).code).toBe(4409)
    const waiting = call(url(), ann, 'GET', `/v1/sync?after=${position}&wait=60`)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const second = await join(url(1), ann)
    expect(await waiting).toMatchObject({ status: 409, body: { code: 'conflict' } })
    // A second poll of the same device ends the first, on the same node.
    const older = call(url(), ann, 'GET', `/v1/sync?after=${position}&wait=60`)
    expect((await second.closed).code).toBe(4409)
    const newer = poll(ann, { after: position, wait: 1 })
    expect(await older).toMatchObject({ status: 409 })
    expect((await newer).frames).toEqual([])
  })

  test('is refused what makes no sense', async () => {
    const [ann] = people('ann') as [string]
    for (const query of ['wait=61', 'wait=-1', 'wait=x', 'after=x', 'after=-1', 'device=a%20b']) {
      expect(await call(url(), ann, 'GET', `/v1/sync?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'bad_frame' },
      })
    }
    // A position that is nobody's is no promise either.
    expect((await poll(ann, { after: '99999999999999999999' })).position).not.toBe('99999999999999999999')
    expect((await poll(ann, { after: '0' })).frames).toEqual([])
    for (const body of [
      {},
      { frames: [] },
      { frames: Array.from({ length: 1001 }, () => ({ t: 'ping' })) },
    ]) {
      expect(await call(url(), ann, 'POST', '/v1/sync', body)).toMatchObject({ status: 400 })
    }
  })

  test('with a position that nobody was told begins where the device is known to stand', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const there = await join(url(), ben)
    await there.close()
    const writer = await join(url(), ann)
    await writer.say(id, 'while ben is away')
    const missed = { t: 'message', seq: 1 }
    const beyond = '999999999999'
    const page = await poll(ben, { after: beyond })
    expect(page.frames).toContainEqual(expect.objectContaining(missed))
    expect(BigInt(page.position)).toBeLessThan(BigInt(beyond))
    const back = await join(url(), ben, { after: beyond })
    await back.get(missed)
    await Promise.all([back.close(), writer.close()])
  })

  test('is no poll where only the head is asked for', async () => {
    const [ann] = people('ann') as [string]
    const socket = await join(url(), ann)
    const headers = { authorization: `Bearer ${await tokenFor(ann)}` }
    const head = await fetch(`${url()}/v1/sync`, { method: 'HEAD', headers })
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET, POST'])
    socket.send({ t: 'ping', ref: 1 })
    await socket.get({ t: 'pong', ref: 1 })
    await socket.close()
  })

  test('ends when its node stops, and the next one goes on elsewhere', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const third = await system.startApi()
    const id = await begin(url(), ann, 'direct', [ben])
    const { position } = await poll(ben)
    const before = await nodesOf(ben)
    const waiting = fetch(`${third}/v1/sync?after=${position}&wait=60`, {
      headers: { authorization: `Bearer ${await tokenFor(ben)}` },
    })
    await expect.poll(async () => (await nodesOf(ben)).some((node) => !before.includes(node))).toBe(true)
    await expect.poll(() => nodesOf(ben)).toHaveLength(1)
    await system.stopApi(2)
    const page = (await (await waiting).json()) as Page
    expect(page.frames).toEqual([])
    await post(ann, [textFrame({ userId: ann, deviceId: 'default' }, id, 'hello')])
    expect(kinds((await poll(ben, { after: page.position, wait: 20 })).frames)).toContain('message 1')
  })
})

describe('frames over HTTP', () => {
  test('do what they do over a socket, and are answered the same', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const b = await join(url(), ben)
    const send = textFrame({ userId: ann, deviceId: 'phone' }, id, 'hello', 'first')
    const answers = await post(
      ann,
      [send, { t: 'ping' }, { t: 'nonsense', ref: 2 }, { ...send, ref: 3 }],
      'phone',
    )
    expect(answers).toHaveLength(4)
    expect(answers).toContainEqual(expect.objectContaining({ t: 'sent', ref: 'first', seq: 1 }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'sent', ref: 3, seq: 1 }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'error', ref: 2, code: 'bad_frame' }))
    expect(answers).toContainEqual(expect.objectContaining({ t: 'pong' }))
    await b.get({ t: 'message', seq: 1 })
    // The other way round, on the other node.
    const { position: after } = await poll(ann, { device: 'phone' })
    b.send(textFrame(b, id, 'you too'))
    const page = await poll(ann, { device: 'phone', wait: 20, after })
    expect(kinds(page.frames)).toContain('message 2')
    const position = page.position
    const [read] = await post(
      ann,
      [
        { t: 'read', conversationId: id, upTo: 2, ref: 9 },
        { t: 'ack', position },
      ],
      'phone',
      1,
    )
    expect(read).toMatchObject({ t: 'receipt', ref: 9, kind: 'read', upTo: 2 })
    await b.get({ t: 'receipt', kind: 'read', upTo: 2 })
    // What was acknowledged does not come again.
    await expect
      .poll(async () => kinds((await poll(ann, { device: 'phone' })).frames), { timeout: 20_000 })
      .not.toContain('message 2')
    await b.close()
  })

  test('of strangers are refused, and end nobody’s socket', async () => {
    const [ann, ben, mallory] = people('ann', 'ben', 'mallory') as [string, string, string]
    const id = await begin(url(), ann, 'direct', [ben])
    const m = await join(url(), mallory)
    const answers = await post(mallory, [
      { t: 'read', conversationId: id, upTo: 1, ref: 1 },
      textFrame({ userId: mallory, deviceId: 'default' }, id, 'let me in', 2),
    ])
    expect(answers.map(({ code }) => code)).toEqual(['not_member', 'not_member'])
    expect(m.socket.readyState).toBe(1)
    await m.close()
  })
})

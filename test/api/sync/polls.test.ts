/** Long polls: what they answer with, when, and where the device of one is when it comes again or connects. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, type Frame, join, textFrame } from '../../support/chat.ts'
import { tokenFor } from '../../support/system.ts'
import { createSyncScene, kinds, type Page } from './kit.ts'

const { people, poll, post, system, url } = createSyncScene()

let database: pg.Pool
beforeAll(() => {
  database = new pg.Pool({ connectionString: system().database.url, max: 2 })
})
afterAll(async () => {
  await database?.end()
})

/** The nodes on which this person's devices are: one that is not there any more has heard that it was replaced. */
async function nodesOf(userId: string): Promise<string[]> {
  const { rows } = await database.query('SELECT node FROM gateway.sessions WHERE user_id = $1', [userId])
  return rows.map(({ node }) => node)
}

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
    const third = await system().startApi()
    const id = await begin(url(), ann, 'direct', [ben])
    const { position } = await poll(ben)
    const before = await nodesOf(ben)
    const waiting = fetch(`${third}/v1/sync?after=${position}&wait=60`, {
      headers: { authorization: `Bearer ${await tokenFor(ben)}` },
    })
    await expect.poll(async () => (await nodesOf(ben)).some((node) => !before.includes(node))).toBe(true)
    await expect.poll(() => nodesOf(ben)).toHaveLength(1)
    await system().stopApi(2)
    const page = (await (await waiting).json()) as Page
    expect(page.frames).toEqual([])
    await post(ann, [textFrame({ userId: ann, deviceId: 'default' }, id, 'hello')])
    expect(kinds((await poll(ben, { after: page.position, wait: 20 })).frames)).toContain('message 1')
  })
})

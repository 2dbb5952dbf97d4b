/** What becomes of an open socket when its token ends. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { begin, call, join, textFrame } from '../support/chat.ts'
import { type System, startSystem, tokenFor } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem({ workers: false })
  url = system.urls[0] as string
})
afterAll(() => system.stop())

/** Not so soon that a machine that stands still for some seconds cannot use it: hence they all wait together. */
const soon = (userId: string, seconds = 8) => tokenFor(userId, { expiresInSeconds: seconds })
const PATIENCE_MS = 20_000

describe.concurrent('a token that ends', () => {
  test('a socket whose token ends is closed with 4401, and is told before when that will be', async ({
    expect,
  }) => {
    const before = Date.now()
    const chat = await join(url, 'ann', { token: await soon('ann') })
    const [welcome] = chat.all({ t: 'welcome' })
    expect(welcome?.expiresAt).toBeGreaterThan(before)
    expect(welcome?.expiresAt).toBeLessThanOrEqual(before + 9_000)
    expect(await chat.closed).toMatchObject({ code: 4401 })
    expect(Date.now()).toBeGreaterThanOrEqual(welcome?.expiresAt)
  })

  test('a socket that renews its token lives on, and works, past the end of the first', async ({
    expect,
  }) => {
    const direct = await begin(url, 'ben', 'direct', ['bea'])
    const chat = await join(url, 'ben', { token: await soon('ben') })
    const [welcome] = chat.all({ t: 'welcome' })
    chat.send({ t: 'renew', ref: 'r', token: await tokenFor('ben', { expiresInSeconds: 600 }) })
    const renewed = await chat.get({ t: 'renewed', ref: 'r' })
    expect(renewed.expiresAt).toBeGreaterThan(welcome?.expiresAt)
    // Another one ends in the meantime: the sweep has been here.
    const witness = await join(url, 'wil', { token: await soon('wil') })
    expect(await witness.closed).toMatchObject({ code: 4401 })
    await expect.poll(() => Date.now(), { timeout: PATIENCE_MS }).toBeGreaterThan(welcome?.expiresAt)
    await chat.say(direct, 'still here')
    await chat.close()
  })

  test('a renewal counts as its token says, also when that ends earlier', async ({ expect }) => {
    const chat = await join(url, 'cat')
    chat.send({ t: 'renew', token: await soon('cat') })
    await chat.get({ t: 'renewed' })
    expect(await chat.closed).toMatchObject({ code: 4401 })
  })

  test('a renewal with the token of somebody else, a forged one or none is refused and changes nothing', async ({
    expect,
  }) => {
    const chat = await join(url, 'dan', { token: await soon('dan') })
    const refusals: readonly (readonly [string, unknown, string])[] = [
      ['other', await tokenFor('eve'), 'forbidden'],
      ['forged', await tokenFor('dan', { secret: 'z'.repeat(40) }), 'unauthorized'],
      ['expired', await tokenFor('dan', { expiresInSeconds: -1 }), 'unauthorized'],
      ['huge', 'x'.repeat(60_000), 'unauthorized'],
      ['empty', '', 'unauthorized'],
      ['number', 7, 'bad_frame'],
    ]
    for (const [ref, token, code] of refusals) {
      chat.send({ t: 'renew', ref, token })
      expect(await chat.get({ ref }), ref).toMatchObject({ t: 'error', code })
    }
    expect(chat.all({ t: 'renewed' })).toEqual([])
    expect(await chat.closed).toMatchObject({ code: 4401 })
  })

  test('what comes after the end of the token is not carried out, even before the socket is closed', async ({
    expect,
    onTestFinished,
  }) => {
    const direct = await begin(url, 'fay', 'direct', ['gus'])
    const chat = await join(url, 'fay', { token: await soon('fay') })
    const [welcome] = chat.all({ t: 'welcome' })
    // Sends without a pause, across the end.
    const frames: string[] = []
    const sending = setInterval(() => {
      const frame = textFrame(chat, direct, 'across the end')
      if (Date.now() > welcome?.expiresAt + 50) frames.push(frame.messageId)
      chat.send(frame)
    }, 50)
    onTestFinished(() => clearInterval(sending))
    expect(await chat.closed).toMatchObject({ code: 4401 })
    clearInterval(sending)
    const { body } = await call(url, 'fay', 'GET', `/v1/conversations/${direct}/messages?limit=200`)
    const kept = body.messages.map(({ messageId }: { messageId: string }) => messageId)
    expect(kept.length).toBeGreaterThan(0)
    for (const messageId of frames) expect(kept).not.toContain(messageId)
  })

  test('a ticket opens nothing once the token that it was made with has ended', async ({ expect }) => {
    const token = await soon('hal')
    const response = await fetch(`${url}/v1/ws-tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(201)
    const { ticket, expiresInSeconds } = (await response.json()) as {
      ticket: string
      expiresInSeconds: number
    }
    expect(expiresInSeconds).toBeLessThanOrEqual(8)
    expect(expiresInSeconds).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 8_100))
    // Eight seconds of the thirty that the ticket would be good for.
    await expect(join(url, 'hal', { ticket })).rejects.toThrow('401')
  })
})

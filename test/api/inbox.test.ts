/** The list of a person’s conversations, as it is asked for over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, call, createCast, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem()
  url = system.urls[0] as string
})
afterAll(() => system.stop())

const people = createCast()

describe('the inbox', () => {
  test('shows conversations newest first, with unread counts and the ticks of the last own message', async () => {
    const [alice, bob, carl] = people('alice', 'bob', 'carl') as [string, string, string]
    const withBob = await begin(url, alice, 'direct', [bob])
    const withCarl = await begin(url, alice, 'direct', [carl])
    const [a, b, c] = [await join(url, alice), await join(url, bob), await join(url, carl)]
    await a.say(withBob, 'question')
    const second = await b.say(withBob, 'answer')
    await b.say(withBob, 'and more')
    b.send({ t: 'read', ref: 1, conversationId: withBob, upTo: 1 })
    await b.get({ ref: 1 })
    await c.say(withCarl, 'hi')
    const { body } = await call(url, alice, 'GET', '/v1/inbox')
    expect(body.conversations).toMatchObject([
      {
        conversationId: withCarl,
        peerId: carl,
        unread: 1,
        lastMessage: { body: { text: 'hi' } },
        lastOwnMessage: null,
      },
      {
        conversationId: withBob,
        peerId: bob,
        unread: 2,
        earliestUnreadAt: second.at,
        lastMessage: { seq: 3, senderId: bob },
        lastOwnMessage: { seq: 1, ticks: 'read' },
      },
    ])
    const page = await call(url, alice, 'GET', '/v1/inbox?limit=1')
    expect(page.body.conversations).toHaveLength(1)
    const next = await call(url, alice, 'GET', `/v1/inbox?limit=1&after=${page.body.next}`)
    expect(next.body.conversations).toMatchObject([{ conversationId: withBob }])
    expect(next.body.next).toBeUndefined()
    await Promise.all([a.close(), b.close(), c.close()])
  })
})

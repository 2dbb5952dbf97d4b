import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deleteCommand } from '../../api/messages/commands.ts'
import type { ConversationId, MessageId, UserId } from '../../domain/ids.ts'
import { begin, type Chat, call, createCast, type Frame, join, textFrame } from '../support/chat.ts'
import { type DyingNode, startDyingNode } from '../support/dying-node.ts'
import { type System, startSystem } from '../support/system.ts'

/** Two api nodes, and a third that appends and dies before it has pushed anything. Projections stand still throughout. */
let system: System
let dying: DyingNode

beforeAll(async () => {
  system = await startSystem({ apiNodes: 2, workers: false })
  dying = startDyingNode(system.database.url)
})
afterAll(async () => {
  await dying?.stop()
  await system?.stop()
})

const people = createCast()

/** As every client should: what is retryable is sent again unchanged. */
async function insist(chat: Chat, frame: Frame): Promise<void> {
  for (let tries = 1; ; tries++) {
    const ref = `${frame.ref} try ${tries}`
    chat.send({ ...frame, ref })
    const answer = await chat.get((got) => got.ref === ref, 20_000)
    if (answer.t === 'sent') return
    expect(answer).toMatchObject({ retryable: true })
  }
}

const seqs = (chat: Chat, conversationId: string) =>
  chat.all({ t: 'message', conversationId }).map(({ seq }) => seq)
const texts = (chat: Chat, conversationId: string) =>
  chat.all({ t: 'message', conversationId }).map(({ body, gone }) => body?.text ?? gone)

describe('while the projections stand still, a live socket', () => {
  beforeAll(() => system.stopProjections())
  afterAll(() => system.startProjections())

  /** Sockets must be live before: that needs the read models. */
  async function live(...chats: [url: number, userId: string][]): Promise<Chat[]> {
    await system.startProjections()
    const joined = await Promise.all(chats.map(([node, userId]) => join(system.urls[node] as string, userId)))
    await system.stopProjections()
    return joined
  }

  test('is sent what a node recorded that died before it told anybody, in order, from the ledger', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(system.urls[0] as string, ann, 'group', [ben])
    const [a, b] = (await live([0, ann], [1, ben])) as [Chat, Chat]
    await a.say(id, 'one')
    await dying.say(ann, id, 'two')
    const deleted = await dying.say(ann, id, 'three')
    await dying.handler.converse(id as ConversationId, deleteCommand(deleted as MessageId, ann as UserId))
    await call(system.urls[0] as string, ann, 'POST', `/v1/conversations/${id}/members`, {
      userIds: ['cleo'],
    })
    await a.say(id, 'four')
    await b.get({ t: 'message', seq: 4 }, 20_000)
    expect(seqs(b, id)).toEqual([1, 2, 3, 4])
    expect(texts(b, id)).toEqual(['one', 'two', 'deleted', 'four'])
    expect(b.all({ t: 'deleted', seq: 3 })).toHaveLength(1)
    // Ann's own device was not told either, and it is another device that sent them.
    await a.get({ t: 'message', seq: 3 }, 20_000)
    expect(seqs(a, id)).toEqual([2, 3])
    expect([a.socket.readyState, b.socket.readyState]).toEqual([1, 1])
    await Promise.all([a.close(), b.close()])
  })

  test('is sent the first of a conversation that it has heard nothing of since it went live', async () => {
    const [ann, ben] = people('ann', 'ben') as [string, string]
    const id = await begin(system.urls[0] as string, ann, 'direct', [ben])
    const [a, b] = (await live([0, ann], [1, ben])) as [Chat, Chat]
    await dying.say(ann, id, 'unheard')
    await a.say(id, 'heard')
    await b.get({ t: 'message', seq: 2 }, 20_000)
    expect(texts(b, id)).toEqual(['unheard', 'heard'])
    await Promise.all([a.close(), b.close()])
  })

  test('gets everything that two nodes push at once, in order and without gap', async () => {
    const names = people('ann', 'ben', 'cleo', 'dan')
    const id = await begin(system.urls[0] as string, names[0] as string, 'group', names.slice(1))
    const chats = await live(...names.map((name, index): [number, string] => [index % 2, name]))
    await Promise.all(
      chats.map(async (chat) => {
        for (let n = 0; n < 25; n++) await insist(chat, textFrame(chat, id, `${chat.userId} ${n}`, `${n}`))
      }),
    )
    for (const chat of chats) {
      const own = chat.frames.filter(({ t }) => t === 'sent').map(({ seq }) => seq)
      const all = () => [...seqs(chat, id), ...own].toSorted((a, b) => a - b)
      await expect.poll(all, { timeout: 20_000 }).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
      expect(seqs(chat, id)).toEqual(seqs(chat, id).toSorted((a, b) => a - b))
      expect(chat.socket.readyState).toBe(1)
    }
    await Promise.all(chats.map((chat) => chat.close()))
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onRedis, type RedisServer, startRedisServer } from '../runtime/bus/redis-server.ts'
import { begin, type Chat, createCast, join } from '../support/chat.ts'
import { type System, startSystem } from '../support/system.ts'

const REPLACED = 4409
const people = createCast()

describe('the same device twice, on nodes that share Postgres', () => sameDevice(async () => ({})))
onRedis('the same device twice, on nodes that share Redis', () => {
  let redis: RedisServer
  afterAll(() => redis?.stop())
  describe('the same device twice, on nodes that share Redis', () =>
    sameDevice(async () => {
      redis = await startRedisServer()
      return { redisUrl: redis.url }
    }))
})

function sameDevice(shared: () => Promise<{ redisUrl?: string }>): void {
  let system: System
  beforeAll(async () => {
    system = await startSystem({ apiNodes: 2, workers: false, ...(await shared()) })
  })
  afterAll(() => system?.stop())
  const [one, other] = [() => system.urls[0] as string, () => system.urls[1] as string]

  test('the older socket is closed with 4409, on the same node and on another', async () => {
    const [ann] = people('ann') as [string]
    const first = await join(one(), ann, { device: 'phone' })
    const laptop = await join(other(), ann, { device: 'laptop' })
    const second = await join(one(), ann, { device: 'phone' })
    expect((await first.closed).code).toBe(REPLACED)
    const third = await join(other(), ann, { device: 'phone' })
    expect((await second.closed).code).toBe(REPLACED)
    // The newest and the other device are in charge, and get what comes.
    const id = await begin(one(), 'ben', 'direct', [ann])
    for (const chat of [third, laptop]) await chat.get({ t: 'conversation', conversationId: id })
    await Promise.all([third.close(), laptop.close()])
  })

  test('of sockets that come at once, on both nodes, exactly one survives', async () => {
    for (let round = 0; round < 15; round++) {
      const [ann] = people('ann') as [string]
      const nodes = [one(), other(), one(), other()]
      const chats = await Promise.all(nodes.map((url) => join(url, ann, { device: 'phone', hasty: true })))
      const open = () => chats.filter(({ socket }) => socket.readyState === socket.OPEN)
      await expect.poll(() => open().length, { timeout: 20_000 }).toBe(1)
      const [survivor] = open() as [Chat]
      await survivor.get({ t: 'live' }, 20_000)
      const codes = await Promise.all(
        chats.filter((chat) => chat !== survivor).map(async ({ closed }) => (await closed).code),
      )
      expect(codes).toEqual([REPLACED, REPLACED, REPLACED])
      // It stays, and is reached from the other node.
      await begin(one(), `ben-${round}`, 'direct', [ann])
      await survivor.get({ t: 'conversation' }, 20_000)
      expect(open()).toEqual([survivor])
      await survivor.close()
    }
  })
}

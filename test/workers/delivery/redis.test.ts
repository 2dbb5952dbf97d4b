import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { onRedis, type RedisServer, startRedisServer } from '../../runtime/bus/redis-server.ts'
import { createWorld, pause, type StoreUnderTest, until } from './kit.ts'
import { recoverySuite } from './recovery-suite.ts'
import { deliverySuite } from './suite.ts'

onRedis('delivery with jobs in Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedisServer()
  })
  beforeEach(() => server.admin.flushall())
  afterAll(() => server?.stop())

  const store: StoreUnderTest = {
    redisUrl: () => server.url,
    async empty() {
      await server.admin.flushall()
    },
  }
  deliverySuite('Redis', store)
  recoverySuite('Redis', store)

  test('a Redis that dies and comes back empty costs time, but nobody is forgotten', async () => {
    const world = await createWorld(server.url)
    try {
      // The next reconciliation is a minute away: it is Redis coming back that fills it again.
      await world.startWorkers({ reconcileMs: 60_000, maxAttempts: 100 })
      const conversationId = await world.startConversation('ann', 'bob', 'cid')
      await pause(100)
      await world.send(conversationId, 'ann')
      await until(async () => expect(await world.attempts(conversationId, 'bob')).toContain('offline 1'))
      await server.restart(1_000)
      const before = { bob: 0, cid: 0 }
      for (const who of ['bob', 'cid'] as const) {
        before[who] = (await world.attempts(conversationId, who)).length
      }
      for (const who of ['bob', 'cid'] as const) {
        await until(async () => {
          expect((await world.attempts(conversationId, who)).length).toBeGreaterThan(before[who])
        }, 20_000)
      }
    } finally {
      await world.stop()
    }
  }, 60_000)
})

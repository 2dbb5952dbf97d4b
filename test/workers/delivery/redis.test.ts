import { afterAll, beforeAll, beforeEach } from 'vitest'
import { onRedis, type RedisServer, startRedisServer } from '../../runtime/bus/redis-server.ts'
import { deliverySuite } from './suite.ts'

onRedis('delivery with jobs in Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedisServer()
  })
  beforeEach(() => server.admin.flushall())
  afterAll(() => server?.stop())

  deliverySuite('Redis', {
    redisUrl: () => server.url,
    async empty() {
      await server.admin.flushall()
    },
  })
})

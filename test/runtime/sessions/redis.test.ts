import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import { createRedisBus } from '../../../runtime/bus/redis.ts'
import { connectRedis } from '../../../runtime/bus/redis-connection.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createSessionDirectory } from '../../../runtime/sessions/create.ts'
import type { SessionDirectory } from '../../../runtime/sessions/directory.ts'
import { createRedisStore } from '../../../runtime/sessions/redis-store.ts'
import { onRedis, type RedisServer, startRedisServer } from '../bus/redis-server.ts'
import { type LossyStore, lossy, MORTAL, STEADY, sessionContract } from './contract.ts'

const log = createLogger({ level: 'silent', process: 'test' })

onRedis('the session directory on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedisServer()
  })
  afterAll(() => server?.stop())

  async function open(node: string | undefined, timing = STEADY) {
    const bus = await createRedisBus({ url: server.url, node: node ?? 'observer', log })
    const redis = await connectRedis({ url: server.url, name: `test-${node}`, log })
    const store = lossy(createRedisStore({ redis, deadAfterMs: timing.deadAfterMs }))
    const directory = await createSessionDirectory({ store, bus, log, node, timing })
    const end = async () => {
      redis.disconnect()
      await bus.close()
    }
    return { directory, store, end }
  }

  sessionContract('Redis', async () => {
    const ends = new Map<SessionDirectory, () => Promise<void>>()
    const stores = new Map<SessionDirectory, LossyStore>()
    const forget = async () => {
      await server.admin.flushall()
    }
    return {
      async open(node, timing) {
        const { directory, store, end } = await open(node, timing)
        ends.set(directory, end)
        stores.set(directory, store)
        return directory
      },
      kill: async (directory) => ends.get(directory)?.(),
      forget,
      loseAnswer: (directory, meanwhile) => stores.get(directory)?.loseAnswer(() => forget().then(meanwhile)),
      async stop() {
        for (const end of ends.values()) await end()
      },
    }
  })

  test('a dead node leaves no key behind, even without anybody to tidy up', async () => {
    const { directory, end } = await open('lonely', MORTAL)
    await directory.add('ann' as UserId, 'phone' as DeviceId)
    await end()
    await expect.poll(() => server.admin.keys('*lonely*')).toEqual([])
    await directory.close()
  })
})

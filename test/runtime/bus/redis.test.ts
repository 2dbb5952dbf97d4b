import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createRedisBus } from '../../../runtime/bus/redis.ts'
import { connectRedis } from '../../../runtime/bus/redis-connection.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { openSilentNetwork } from '../../support/silent-network.ts'
import { busContract } from './contract.ts'
import { onRedis, type RedisServer, startRedisServer } from './redis-server.ts'

const log = createLogger({ level: 'silent', process: 'test' })

onRedis('the bus contract on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedisServer()
  })
  afterAll(() => server?.stop())

  busContract('Redis', async () => ({
    open: (node) => createRedisBus({ url: server.url, node, log, checkMs: 500 }),
    async cut() {
      await server.admin.client('KILL', 'TYPE', 'NORMAL')
      await server.admin.client('KILL', 'TYPE', 'PUBSUB')
    },
    async cutPublisher(node) {
      const clients = String(await server.admin.client('LIST')).split('\n')
      const publisher = clients.find((client) => client.includes(` name=triptick-bus-${node} `))
      await server.admin.client('KILL', 'ID', publisher?.match(/^id=(\d+)/)?.[1] ?? '')
    },
    stop: async () => {},
  }))

  test('a connection that died without a word is replaced when a command is not answered', async () => {
    const network = await openSilentNetwork(server.url)
    const redis = await connectRedis({ url: network.url, name: 'test', log })
    network.silence()
    await expect(redis.get('key')).rejects.toThrow()
    await vi.waitFor(() => redis.get('key'), { timeout: 15_000, interval: 100 })
    redis.disconnect()
    await network.close()
  }, 40_000)

  test('deployments in different databases of one Redis do not hear each other', async () => {
    const one = await createRedisBus({ url: server.url, node: 'a', log })
    const other = await createRedisBus({ url: `${server.url}/1`, node: 'a', log })
    const got: string[] = []
    await one.subscribe('c', (payload) => got.push(`one ${payload}`))
    await other.subscribe('c', (payload) => got.push(`other ${payload}`))
    one.publish('c', '1')
    other.publish('c', '2')
    await vi.waitFor(() => expect(got.toSorted()).toEqual(['one 1', 'other 2']), { timeout: 15_000 })
    await one.close()
    await other.close()
    expect(got).toHaveLength(2)
  })
})

test('a bus without a server fails at once, and says what to do without showing the password', async () => {
  const failing = createRedisBus({ url: 'redis://:hidden@127.0.0.1:1', node: 'a', log })
  const error = await failing.catch((reason: unknown) => reason)
  expect(String(error)).toContain('Redis at 127.0.0.1:1 does not let us in')
  expect(String(error)).not.toContain('hidden')
})

/**
 * Sessions in Redis, in keys that expire with their node's heartbeats: a dead node needs no tidying up.
 *
 *     <prefix>nodes              set      names of nodes that beat once; the live ones have a key of their own:
 *     <prefix>node:<node>        string   expires when the node has been silent for too long
 *     <prefix>sessions:<node>    hash     user id → device ids; field '#' marks it as complete; expires likewise
 */
import type { Redis } from 'ioredis'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { redisPrefix } from '../bus/redis-connection.ts'
import type { NodeName } from './directory.ts'
import type { SessionStore } from './store.ts'

/** No user id has this character (`domain/fields.ts`). */
const COMPLETE = '#'

export interface RedisStoreOptions {
  readonly redis: Redis
  readonly deadAfterMs: number
}

export function createRedisStore({ redis, deadAfterMs }: RedisStoreOptions): SessionStore {
  const prefix = redisPrefix(redis)
  const nodesKey = `${prefix}nodes`
  const nodeKey = (name: NodeName) => `${prefix}node:${name}`
  const sessionsKey = (name: NodeName) => `${prefix}sessions:${name}`

  return {
    node(name) {
      // A hash holds one value per person, so their devices are remembered here; Redis is written, never read.
      const devices = new Map<UserId, Set<DeviceId>>()
      return {
        async beat() {
          const [isComplete] = await answers(
            redis
              .multi()
              .hexists(sessionsKey(name), COMPLETE)
              .hset(sessionsKey(name), COMPLETE, '1')
              .pexpire(sessionsKey(name), deadAfterMs)
              .sadd(nodesKey, name)
              .set(nodeKey(name), '1', 'PX', deadAfterMs)
              .exec(),
          )
          return isComplete === 1 ? 'known' : 'forgotten'
        },
        async write(changes) {
          for (const { userId, deviceId, connected } of changes) {
            const own = devices.get(userId) ?? new Set()
            if (connected) devices.set(userId, own.add(deviceId))
            else if (own.delete(deviceId) && own.size === 0) devices.delete(userId)
          }
          const people = [...new Set(changes.map(({ userId }) => userId))]
          const online = people.flatMap((userId) => {
            const own = devices.get(userId)
            return own ? [userId, [...own].join(' ')] : []
          })
          const offline = people.filter((userId) => !devices.has(userId))
          const commands = redis.multi()
          if (online.length > 0) commands.hset(sessionsKey(name), ...online)
          if (offline.length > 0) commands.hdel(sessionsKey(name), ...offline)
          // A hash that was made anew by this very command would otherwise never expire.
          await answers(commands.pexpire(sessionsKey(name), deadAfterMs).exec())
        },
        async withdraw() {
          devices.clear()
          await answers(redis.multi().del(sessionsKey(name), nodeKey(name)).srem(nodesKey, name).exec())
        },
      }
    },
    async liveNodes() {
      const names = await redis.smembers(nodesKey)
      if (names.length === 0) return []
      const beats = await redis.mget(names.map(nodeKey))
      const dead = names.filter((_, i) => beats[i] === null)
      // One that beats at this moment is in the set again with its next heartbeat.
      if (dead.length > 0) await redis.srem(nodesKey, ...dead)
      return names.filter((_, i) => beats[i] !== null)
    },
    async find(userIds, candidates) {
      if (candidates.length === 0) return []
      const pipeline = redis.pipeline()
      for (const node of candidates) pipeline.hmget(sessionsKey(node), ...userIds)
      const found = await answers(pipeline.exec())
      return candidates.flatMap((node, n) => {
        const held = found[n] as readonly (string | null)[]
        return userIds.flatMap((userId, i) => (typeof held[i] === 'string' ? [{ node, userId }] : []))
      })
    },
    async close() {
      redis.disconnect()
    },
  }
}

/** The answers of a pipeline; rejects with the first error among them. */
async function answers(running: Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  const pairs = (await running) ?? []
  return pairs.map(([error, answer]) => {
    if (error) throw error
    return answer
  })
}

/** Makes connections to Redis. Runs no command of ours, and keeps no data. */
import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from '../logging.ts'
import { startProblem } from '../problem.ts'

export interface RedisConnectionOptions {
  readonly url: string
  /** Shown in CLIENT LIST. */
  readonly name: string
  readonly log: Logger
  readonly options?: Pick<RedisOptions, 'autoResubscribe' | 'enableAutoPipelining' | 'maxRetriesPerRequest'>
}

const ANSWER_MS = 5_000

/**
 * Connected, and reconnecting by itself from then on. Commands fail at once while it is down and are never sent twice: our
 * callers know better than a queue what is still worth sending. Rejects with a `StartProblem` if it can't be reached now.
 */
export async function connectRedis({ url, name, log, options }: RedisConnectionOptions): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: name,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A connection that died silently is noticed by the first command that is not answered, and replaced.
    commandTimeout: ANSWER_MS,
    socketTimeout: ANSWER_MS,
    retryStrategy: (times) => Math.min(5_000, 100 * 2 ** times) * (0.5 + Math.random() / 2),
    ...options,
  })
  // Without a listener, every failed reconnection would be printed.
  let reason: unknown
  redis.on('error', (error) => {
    reason = error
    log.debug({ err: error, connection: name }, 'no connection to Redis')
  })
  redis.on('close', () => log.debug({ connection: name }, 'a connection to Redis closed'))
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    throw startProblem(
      `Redis at ${describeRedis(url)} does not let us in: ${describe(reason ?? error)}`,
      'Check REDIS_URL and that the server is running; or unset REDIS_URL to do without Redis.',
      error,
    )
  }
}

/** `connect` says only that the connection is closed; of several addresses that were tried, the code is what they share. */
function describe(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: string }
  return message || code || String(error)
}

/** Rejects with a `StartProblem` if it can't be reached, before anything has been started in vain. */
export async function checkRedis(url: string, log: Logger): Promise<void> {
  const redis = await connectRedis({ url, name: 'triptick-check', log })
  redis.disconnect()
}

/** Host and port for people to read: no user, no password. */
const describeRedis = (url: string): string => new URL(url).host

/** Everything of ours in Redis begins with this. Channels know no database number, so it is part of the name. */
export const redisPrefix = (redis: Redis): string => `triptick:${redis.options.db ?? 0}:`

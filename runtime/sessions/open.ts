/** Opens the session directory that the configuration asks for. Knows no session. */
import type { Bus } from '../bus/bus.ts'
import { connectRedis } from '../bus/redis-connection.ts'
import type { Logger } from '../logging.ts'
import { createPool } from '../postgres.ts'
import { createSessionDirectory } from './create.ts'
import { DEFAULT_TIMING, type SessionDirectory, type Timing } from './directory.ts'
import { createMemoryStore } from './memory-store.ts'
import { createPostgresStore } from './postgres-store.ts'
import { createRedisStore } from './redis-store.ts'
import type { SessionStore } from './store.ts'

export interface OpenSessionDirectoryOptions {
  readonly redisUrl?: string | undefined
  readonly databaseUrl?: string | undefined
  readonly bus: Bus
  readonly log: Logger
  /** Absent: an observer, which has no sessions of its own and is nobody's peer. */
  readonly node?: string | undefined
  readonly timing?: Timing
}

/** In Redis if there is one, else in Postgres, else within this process. Rejects if it can't be reached. */
export async function openSessionDirectory(options: OpenSessionDirectoryOptions): Promise<SessionDirectory> {
  const timing = options.timing ?? DEFAULT_TIMING
  const store = await openStore(options, timing)
  try {
    return await createSessionDirectory({ ...options, store, timing })
  } catch (error) {
    await store.close()
    throw error
  }
}

async function openStore(
  { redisUrl, databaseUrl, node, log }: OpenSessionDirectoryOptions,
  { deadAfterMs }: Timing,
): Promise<SessionStore> {
  if (redisUrl !== undefined) {
    const redis = await connectRedis({ url: redisUrl, name: `triptick-sessions-${node ?? 'observer'}`, log })
    return createRedisStore({ redis, deadAfterMs })
  }
  if (databaseUrl === undefined) return createMemoryStore(deadAfterMs)
  // Its own small pool: heartbeats must not wait behind the queries of a busy api.
  const pool = createPool({
    url: databaseUrl,
    name: 'triptick-sessions',
    log,
    max: 2,
    statementTimeoutMs: 10_000,
  })
  return createPostgresStore({ pool, deadAfterMs, onClose: () => pool.end() })
}

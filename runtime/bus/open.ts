/** Opens the bus that the configuration asks for. Knows no message. */
import type { Logger } from '../logging.ts'
import type { Bus } from './bus.ts'
import { createMemoryBus } from './memory.ts'
import { createPostgresBus } from './postgres.ts'
import { createRedisBus } from './redis.ts'

export interface OpenBusOptions {
  readonly redisUrl?: string | undefined
  readonly databaseUrl?: string | undefined
  /** Seals what travels over Postgres. */
  readonly masterKey: Buffer
  /** Shown in the lists of connections of Postgres and Redis. */
  readonly node: string
  readonly log: Logger
}

/** Redis if there is one, else Postgres, else within this process only. Rejects if it can't be reached. */
export async function openBus(options: OpenBusOptions): Promise<Bus> {
  const { redisUrl, databaseUrl, masterKey, node, log } = options
  if (redisUrl !== undefined) return createRedisBus({ url: redisUrl, node, log })
  if (databaseUrl !== undefined) return createPostgresBus({ url: databaseUrl, masterKey, node, log })
  return createMemoryBus({ log })
}

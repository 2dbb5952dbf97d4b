/**
 * Where BullMQ keeps its jobs: in Redis if there is one, else in Postgres. Opens connections and creates queues and workers;
 * knows no job. Nothing in here is worth a backup: every job can be made again from the read models.
 */
import {
  createPostgresBackend,
  type PgPool,
  type Processor,
  Queue,
  type QueueOptions,
  runMigrations,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import { Redis } from 'ioredis'
import { connectRedis } from '../runtime/bus/redis-connection.ts'
import type { Logger } from '../runtime/logging.ts'
import { createPool } from '../runtime/postgres.ts'

/** What we use of BullMQ, without the type parameters of its backends. */
export type JobQueue<Data> = Pick<
  Queue<Data, void, string>,
  'addBulk' | 'getJob' | 'getJobCounts' | 'getJobState'
>

interface JobWorker {
  /** A job was taken up again whose worker had gone silent. */
  on(event: 'stalled', listener: (jobId: string) => void): unknown
}

export interface JobStore {
  readonly kind: 'postgres' | 'redis'
  queue<Data>(name: string, options: Omit<QueueOptions, 'connection'>): JobQueue<Data>
  worker<Data>(
    name: string,
    run: Processor<Data, void, string>,
    options: Omit<WorkerOptions, 'connection'>,
  ): JobWorker
  /** Calls when the store was away and is back, perhaps without what it held. */
  onBack(listener: () => void): void
  /** Closes what was made here: first the workers, which finish their jobs, then the queues, then the connections. */
  close(): Promise<void>
}

export interface OpenJobStoreOptions {
  readonly redisUrl?: string | undefined
  readonly databaseUrl: string
  readonly log: Logger
  /** Jobs under way at most, over all workers; for the size of the pool. Default 20. */
  readonly concurrency?: number
}

/** Rejects if the store can't be reached. */
export async function openJobStore(options: OpenJobStoreOptions): Promise<JobStore> {
  return options.redisUrl === undefined
    ? openPostgresStore(options)
    : openRedisStore(options.redisUrl, options.log)
}

async function openPostgresStore({
  databaseUrl,
  log,
  concurrency = 20,
}: OpenJobStoreOptions): Promise<JobStore> {
  // BullMQ names its tables without their schema, and a pool that it did not make has to lead there. A pool of our own,
  // because one that BullMQ makes has nobody who listens to its errors (57P01 at a restart ends the process). Without an fsync
  // each: a thousand people who wait make 1,400 commits/s, on the disk that every append of the ledger waits for.
  const settings = encodeURIComponent('-c search_path=bullmq -c synchronous_commit=off')
  const inSchema = `${databaseUrl}${databaseUrl.includes('?') ? '&' : '?'}options=${settings}`
  const pool = createPool({
    url: inSchema,
    name: 'triptick-jobs',
    log,
    max: Math.min(10, 3 + Math.ceil(concurrency / 4)),
  })
  try {
    const client = await pool.connect()
    try {
      await runMigrations(client)
    } finally {
      client.release()
    }
  } catch (error) {
    await pool.end()
    throw error
  }
  const closing = createClosing(log, () => pool.end())
  // BullMQ's own description of a pool, which @types/pg overlaps with but does not match.
  const connection = pool as unknown as PgPool
  return {
    kind: 'postgres',
    queue: (name, own) => closing.queue(new Queue(name, { ...own, connection }, createPostgresBackend)),
    worker: (name, run, own) =>
      closing.worker(new Worker(name, run, { ...own, connection }, createPostgresBackend)),
    // Its jobs are as durable as the read models from which they could be made again.
    onBack: () => {},
    close: closing.close,
  } as JobStore
}

/** A worker asks Redis to answer when there is a job, after 10 s at the latest (BullMQ); a connection that is silent for longer is replaced. */
const WORKER_ANSWER_MS = 20_000

async function openRedisStore(url: string, log: Logger): Promise<JobStore> {
  // Adding jobs fails at once while Redis is away, and the reactor tries again; a worker waits for Redis instead.
  const forQueues = await connectRedis({ url, name: 'triptick-jobs', log })
  const forWorkers = new Redis(url, {
    connectionName: 'triptick-workers',
    maxRetriesPerRequest: null,
    socketTimeout: WORKER_ANSWER_MS,
  })
  forWorkers.on('error', (error) => log.debug({ err: error }, 'no connection to Redis'))
  const closing = createClosing(log, async () => {
    forQueues.disconnect()
    forWorkers.disconnect()
  })
  const prefix = 'triptick:jobs'
  return {
    kind: 'redis',
    queue: (name, own) => closing.queue(new Queue(name, { ...own, prefix, connection: forQueues })),
    worker: (name, run, own) =>
      closing.worker(new Worker(name, run, { ...own, prefix, connection: forWorkers })),
    onBack: (listener) => void forQueues.on('ready', listener),
    close: closing.close,
  } as JobStore
}

/** A worker whose store is gone would wait for ever; its jobs are taken up by another one after a while anyway. */
const CLOSE_PATIENCE_MS = 4_000

interface Closable {
  on(event: 'error', listener: (error: Error) => void): unknown
  close(force?: boolean): Promise<void>
}

function createClosing(log: Logger, closeConnections: () => Promise<void>) {
  const queues: Closable[] = []
  const workers: Closable[] = []
  const watched = <C extends Closable>(list: Closable[], made: C): C => {
    // Without a listener, a broken connection would end the process.
    made.on('error', (error) => log.warn({ err: error }, 'the job store met an error'))
    list.push(made)
    return made
  }
  return {
    queue: <C extends Closable>(made: C) => watched(queues, made),
    worker: <C extends Closable>(made: C) => watched(workers, made),
    async close() {
      await Promise.all(workers.map(closeInTime))
      await Promise.all(queues.map(closeInTime))
      await closeConnections()
    },
  }
}

async function closeInTime(made: Closable): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_PATIENCE_MS)
  })
  await Promise.race([made.close(), late])
  clearTimeout(timer)
}

/** A small world around delivery: a real ledger with command handling, api nodes that can be told how to behave, and jobs. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type pg from 'pg'
import { expect, vi } from 'vitest'
import type { AttemptOutcome, DeliveryEvent } from '../../../domain/events.ts'
import type { ConversationId, DeviceId, MessageId, Millis, Seq, UserId } from '../../../domain/ids.ts'
import { decode } from '../../../ledger/codec/decode.ts'
import { type CommandHandler, createCommandHandler } from '../../../ledger/handle-command.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import { openLedger } from '../../../ledger/open.ts'
import { createContentKeys } from '../../../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../../../ledger/snapshots.ts'
import { deliveryStream } from '../../../ledger/streams.ts'
import { createTemporaryBodies } from '../../../ledger/temporary-bodies.ts'
import { answer, createAsker } from '../../../runtime/bus/ask.ts'
import { nodeChannel } from '../../../runtime/bus/bus.ts'
import { createMemoryBus, createMemoryHub } from '../../../runtime/bus/memory.ts'
import type { Nudge } from '../../../runtime/bus/messages.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createMetrics, type Metrics } from '../../../runtime/metrics.ts'
import { createPool } from '../../../runtime/postgres.ts'
import { createSessionDirectory } from '../../../runtime/sessions/create.ts'
import type { SessionDirectory } from '../../../runtime/sessions/directory.ts'
import { createMemoryStore, createSharedSessions } from '../../../runtime/sessions/memory-store.ts'
import { startDelivery } from '../../../workers/delivery/delivery.ts'
import { DELIVERY_QUEUE, type DeliveryJob, jobIdOf } from '../../../workers/delivery/delivery-queue.ts'
import { createRecorder } from '../../../workers/delivery/recorder.ts'
import type { DeliverySettings } from '../../../workers/delivery/settings.ts'
import { createSocketChannel } from '../../../workers/delivery/socket-channel.ts'
import { type JobQueue, openJobStore } from '../../../workers/job-store.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { undeliveredFromLedger } from './undelivered-from-ledger.ts'

export const log = createLogger({ level: 'silent', process: 'test' })
const TIMING = { heartbeatMs: 200, deadAfterMs: 60_000 }

/** Fifty times as fast as in production. */
export const QUICK: DeliverySettings = {
  graceMs: 100,
  nudgeTimeoutMs: 150,
  backoff: { baseMs: 60, factor: 1.5, capMs: 400 },
  maxAttempts: 4,
  reconcileMs: 60_000,
  spreadMs: 20,
  concurrency: 4,
  placeRest: 0,
  restMs: 300,
  lockMs: 5_000,
  stalledMs: 400,
}

export interface StoreUnderTest {
  /** Absent: jobs are kept in the world's Postgres. */
  redisUrl(): string | undefined
  /** Everything that BullMQ knows is gone. */
  empty(world: World): Promise<void>
}

export const user = (name: string) => name as UserId

interface Workers {
  /** Runs of jobs so far. */
  runs(): Promise<number>
  stop(): Promise<void>
}

export interface World {
  readonly databaseUrl: string
  readonly redisUrl: string | undefined
  readonly ledger: Ledger
  /** Of an api node: another process's than the workers'. */
  readonly handler: CommandHandler
  /** Looks at the jobs; makes none. */
  readonly jobs: JobQueue<DeliveryJob>
  startConversation(by: string, ...others: string[]): Promise<ConversationId>
  send(conversationId: ConversationId, by: string): Promise<Seq>
  acknowledge(conversationId: ConversationId, by: string, upTo: number): Promise<void>
  attempts(conversationId: ConversationId, of: string): Promise<readonly string[]>
  jobState(of: string): Promise<string>
  /** An api node whose answer to a nudge is the number of sessions pushed to, or silence. */
  startNode(name: string, nudged: (userId: UserId) => number | 'silent'): Promise<SessionDirectory>
  startWorkers(changed?: Partial<DeliverySettings>): Promise<Workers>
  /**
   * The reconcilers of all workers have made their two rounds of the start: a message of these moments is found by one and by the
   * reactor, and is tried once more where both come together.
   */
  reconciled(): Promise<void>
  stop(): Promise<void>
}

export async function createWorld(redisUrl?: string): Promise<World> {
  const database = await createTestDatabase()
  const pool = createPool({ url: database.url, name: 'test-world', log })
  const closing: (() => Promise<unknown>)[] = [() => database.drop(), () => pool.end()]
  const masterKey = randomBytes(32)
  const [hub, shared] = [createMemoryHub(), createSharedSessions()]
  const api = await openHandler(pool, database.url, masterKey, 'api')
  closing.push(() => api.ledger.close())
  const store = await openJobStore({ redisUrl, databaseUrl: database.url, log })
  closing.push(() => store.close())
  const jobs = store.queue<DeliveryJob>(DELIVERY_QUEUE, {})
  /** Of each worker, how often its reconciler has looked. */
  const rounds: number[] = []

  async function openDirectory(node?: string) {
    const bus = createMemoryBus({ log, hub })
    const directory = await createSessionDirectory({
      store: createMemoryStore(TIMING.deadAfterMs, shared),
      bus,
      log,
      node,
      timing: TIMING,
    })
    return { bus, directory }
  }

  return {
    databaseUrl: database.url,
    redisUrl,
    ledger: api.ledger,
    handler: api.handler,
    jobs,
    async startConversation(by, ...others) {
      const conversationId = randomUUID() as ConversationId
      const command = {
        type: 'start',
        kind: 'group',
        members: others.map(user),
        by: user(by),
        at: now(),
      } as const
      await done(api.handler.converse(conversationId, { ...command, envelope: envelope(by) }))
      return conversationId
    },
    async send(conversationId, by) {
      const nonce = randomBytes(12).toString('base64url')
      const messageId = createHash('sha256').update(nonce).digest('hex') as MessageId
      const body = { kind: 'text', text: 'a secret' } as const
      const meta = { at: now(), by: user(by), deviceId: 'phone' as DeviceId, nonce, clientAt: now() }
      const sending = { type: 'send', messageId, body, ...meta, envelope: envelope(by) } as const
      return (await done(api.handler.converse(conversationId, sending))).seq
    },
    async acknowledge(conversationId, by, upTo) {
      const what = { type: 'acknowledge', kind: 'delivered', deviceId: 'phone' as DeviceId } as const
      const command = { ...what, userId: user(by), upTo: upTo as Seq, at: now(), envelope: envelope(by) }
      await done(api.handler.deliver(conversationId, command))
    },
    attempts: (conversationId, of) => attemptsOf(api.ledger, conversationId, user(of)),
    jobState: async (of) => (await (await jobs.getJob(jobIdOf(user(of))))?.getState()) ?? 'none',
    async startNode(name, nudged) {
      const { bus, directory } = await openDirectory(name)
      await bus.subscribe(nodeChannel(name), (payload) => {
        const nudge = JSON.parse(payload) as Nudge
        const pushed = nudged(nudge.userId)
        if (pushed !== 'silent') answer(bus, nudge, { pushed })
      })
      closing.push(() => directory.close())
      return directory
    },
    async startWorkers(changed = {}) {
      const settings = { ...QUICK, ...changed }
      const own = await openHandler(pool, database.url, masterKey, 'workers')
      const ownStore = await openJobStore({ redisUrl, databaseUrl: database.url, log })
      const { bus, directory } = await openDirectory()
      const asker = await createAsker(bus)
      const metrics = createMetrics('test')
      const undelivered = undeliveredFromLedger(own.ledger)
      const nth = rounds.push(0) - 1
      const delivery = startDelivery({
        store: ownStore,
        ledger: own.ledger,
        undelivered: {
          ...undelivered,
          people: async (page) => {
            const people = await undelivered.people(page)
            rounds[nth] = (rounds[nth] ?? 0) + 1
            return people
          },
        },
        recorder: createRecorder(own.handler),
        channels: [createSocketChannel({ directory, asker, timeoutMs: settings.nudgeTimeoutMs })],
        settings,
        metrics,
        log,
      })
      let stopped: Promise<void> | undefined
      const stop = async () => {
        await delivery.stop()
        await ownStore.close()
        await directory.close()
        await own.ledger.close()
      }
      const once = () => {
        stopped ??= stop()
        return stopped
      }
      closing.push(once)
      return { runs: () => countOf(metrics, 'triptick_delivery_job_seconds'), stop: once }
    },
    reconciled: () => until(() => expect(Math.min(...rounds)).toBeGreaterThan(1)),
    async stop() {
      for (const close of closing.reverse()) await close()
    },
  }
}

async function openHandler(pool: pg.Pool, databaseUrl: string, masterKey: Buffer, node: string) {
  const ledger = await openLedger({
    ledgerUrl: undefined,
    databaseUrl,
    pool,
    log: createLogger({ level: 'silent', process: 'test' }),
  })
  const handler = createCommandHandler({
    ledger,
    snapshots: createSnapshots(pool),
    contentKeys: createContentKeys(pool, masterKey),
    temporaryBodies: createTemporaryBodies(pool),
    node,
    findMessage: async () => null,
    report: () => {},
  })
  return { ledger, handler }
}

async function countOf(metrics: Metrics, name: string): Promise<number> {
  const { values } = (await metrics.registry.getSingleMetric(name)?.get()) ?? { values: [] }
  return values.reduce(
    (sum, { value, ...of }) => ('metricName' in of && of.metricName === `${name}_count` ? sum + value : sum),
    0,
  )
}

/** `pushed 1`, `offline 2` …, and `exhausted 4`: outcome and number, in the order of the ledger. */
async function attemptsOf(ledger: Ledger, conversationId: ConversationId, userId: UserId): Promise<string[]> {
  const facts: string[] = []
  for await (const recorded of ledger.readStream(deliveryStream(conversationId))) {
    const event = decode(recorded) as DeliveryEvent
    if (event.userId !== userId) continue
    if (event.type === 'DeliveryAttempted')
      facts.push(`${event.outcome satisfies AttemptOutcome} ${event.attempt}`)
    if (event.type === 'DeliveryExhausted') facts.push(`exhausted ${event.attempts}`)
  }
  return facts
}

export const until = <T>(check: () => T | Promise<T>, timeout = 20_000): Promise<T> =>
  vi.waitFor(check, { timeout, interval: 20 })
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const now = () => Date.now() as Millis
const envelope = (by: string) => ({ commandId: randomUUID(), actorId: user(by), actorKind: 'user' }) as const

async function done<R>(answering: Promise<{ readonly kind: string; readonly result?: R }>): Promise<R> {
  const answered = await answering
  if (answered.kind !== 'done') throw new Error(`not done: ${JSON.stringify(answered)}`)
  return answered.result as R
}

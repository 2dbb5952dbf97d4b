/**
 * The arrangement of `docker-compose.yml`, run by hand: two api nodes, one projections and one workers as processes of their
 * own, on a Postgres that others run, and by choice on Redis and EventStoreDB (the simulator of its wire).
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Frame } from '../support/chat.ts'
import { freePort } from '../support/free-port.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type SimulatorProcess, startSimulatorProcess } from '../support/simulator-process.ts'
import { tokenFor } from '../support/system.ts'
import { type Caller, createCaller } from './http.ts'
import { type Program, run } from './program.ts'
import { createRedis, type RedisServer } from './redis.ts'

export const PARTS = ['projections', 'workers', 'api-1', 'api-2'] as const
export type Part = (typeof PARTS)[number]

export interface Deployment {
  /** Of the api nodes. */
  readonly urls: readonly [string, string]
  readonly callers: readonly [Caller, Caller]
  readonly databaseUrl: string
  readonly redis: RedisServer | undefined
  readonly simulator: SimulatorProcess | undefined
  /** Starts it, or starts it again, and waits until it is ready. */
  start(part: Part): Promise<void>
  /** kill -9 */
  kill(part: Part): Promise<void>
  /** What the ledger holds about a conversation, read by `triptick events --json`. */
  events(conversationId: string): Promise<Frame[]>
  /** Everything that any process has said. */
  output(): string
  /** SIGTERM to everything that runs, once. */
  stop(): Promise<Stopped>
}

export interface Stopped {
  /** How each part ended. */
  readonly exits: Readonly<Record<string, number | string>>
  /** What lies in the folder they ran in. */
  readonly files: readonly string[]
}

export interface DeploymentOptions {
  readonly redis: boolean
  readonly eventStore: boolean
}

/** As in `test/support/system.ts`, whose `tokenFor` signs with it. */
const JWT_SECRET = 'a secret of at least thirty-two bytes, for tests'
const GRACE_MS = '300'

export async function startDeployment(options: DeploymentOptions): Promise<Deployment> {
  const cwd = mkdtempSync(join(tmpdir(), 'triptick-e2e-'))
  const database = await createTestDatabase('empty')
  const redis = options.redis ? await createRedis() : undefined
  const simulator = options.eventStore ? await startSimulatorProcess() : undefined
  const ports = [await freePort(), await freePort()] as const
  const urls = [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}`] as const

  const stores = {
    DATABASE_URL: database.url,
    ...(redis ? { REDIS_URL: redis.url } : {}),
    ...(simulator ? { LEDGER_URL: simulator.url } : {}),
  }
  const shared = {
    ...stores,
    TRIPTICK_JWT_SECRET: JWT_SECRET,
    TRIPTICK_MASTER_KEY: Buffer.alloc(32, 9).toString('base64'),
    TRIPTICK_DELIVERY_GRACE_MS: GRACE_MS,
    TRIPTICK_LOG_LEVEL: 'debug',
  }
  const portOf: Partial<Record<Part, number>> = { 'api-1': ports[0], 'api-2': ports[1] }
  const running = new Map<Part, Program>()
  const past: Program[] = []
  let stopped: Promise<Stopped> | undefined

  const deployment: Deployment = {
    urls,
    callers: [createCaller(urls[0], tokenFor), createCaller(urls[1], tokenFor)],
    databaseUrl: database.url,
    redis,
    simulator,
    async start(part) {
      const port = portOf[part]
      const env = { ...shared, TRIPTICK_NODE: part, ...(port === undefined ? {} : { PORT: String(port) }) }
      const program = run(['start', '--role', part.replace(/-\d$/, '')], { env, cwd })
      running.set(part, program)
      past.push(program)
      await program.ready()
    },
    async kill(part) {
      const program = running.get(part)
      running.delete(part)
      program?.signal('SIGKILL')
      await program?.ended
    },
    async events(conversationId) {
      const reader = run(['events', conversationId, '--json'], { env: stores, cwd })
      if ((await reader.ended) !== 0) throw new Error(reader.output())
      return reader
        .stdout()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    },
    output: () => past.map((program) => program.output()).join('\n'),
    stop: () => (stopped ??= stop()),
  }

  async function stop(): Promise<Stopped> {
    const exits: Record<string, number | string> = {}
    const stopping = [...running].map(async ([part, program]) => {
      program.signal('SIGTERM')
      exits[part] = await program.ended
    })
    await Promise.all(stopping)
    await redis?.kill()
    await simulator?.stop()
    await database.drop()
    const files = readdirSync(cwd)
    rmSync(cwd, { recursive: true, force: true })
    return { exits, files }
  }

  // Side by side, as an orchestrator starts them: whoever needs another one waits for it.
  await Promise.all(PARTS.map(deployment.start))
  return deployment
}

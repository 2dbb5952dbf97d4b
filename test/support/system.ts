/** A whole Triptick in this process, on a database of its own: the roles as `triptick start` runs them. */
import { SignJWT } from 'jose'
import { startApi } from '../../api/role.ts'
import { startProjections } from '../../projections/role.ts'
import { type Config, type ResolvedConfig, readConfig } from '../../runtime/config.ts'
import { createLogger } from '../../runtime/logging.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import type { Role } from '../../runtime/role.ts'
import { startWorkers } from '../../workers/role.ts'
import { createTestDatabase, type TestDatabase } from './postgres.ts'

const SECRET = 'a secret of at least thirty-two bytes, for tests'

export interface System {
  /** `http://127.0.0.1:<port>` of each api node. */
  readonly urls: readonly string[]
  readonly database: TestDatabase
  /** For further processes of it. */
  readonly config: ResolvedConfig
  /** What was logged, as text: nothing of it may be a body or a secret. */
  readonly logged: string[]
  stopApi(index?: number): Promise<void>
  startApi(): Promise<string>
  stopProjections(): Promise<void>
  startProjections(): Promise<void>
  stop(): Promise<void>
}

export interface SystemOptions {
  readonly apiNodes?: number
  readonly ledgerUrl?: string
  readonly redisUrl?: string
  readonly deliveryGraceMs?: number
  readonly workers?: boolean
  /** Further settings, by the names of their variables. */
  readonly settings?: Readonly<Record<string, string>>
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const database = await createTestDatabase()
  const logged: string[] = []
  const reading = readConfig({
    PORT: '0',
    TRIPTICK_LOG_LEVEL: 'debug',
    TRIPTICK_JWT_SECRET: SECRET,
    TRIPTICK_MASTER_KEY: Buffer.alloc(32, 9).toString('base64'),
    DATABASE_URL: database.url,
    LEDGER_URL: options.ledgerUrl,
    REDIS_URL: options.redisUrl,
    TRIPTICK_DELIVERY_GRACE_MS: String(options.deliveryGraceMs ?? 2000),
    ...options.settings,
  })
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  const base = reading.config as Config & ResolvedConfig

  let nodes = 0
  const context = (name: string) => {
    const node = `${name}-${++nodes}`
    return {
      config: { ...base, node },
      log: createLogger({ level: 'debug', process: name, node, to: { write: (line) => logged.push(line) } }),
      metrics: createMetrics(name),
    }
  }

  let projections: Role | undefined = await startProjections(context('projections'))
  const workers = options.workers === false ? undefined : await startWorkers(context('workers'))
  const apis: (Role | undefined)[] = []
  const urls: string[] = []
  const addApi = async (): Promise<string> => {
    const role = await startApi(context('api'))
    apis.push(role)
    urls.push(role.address as string)
    return role.address as string
  }
  for (let i = 0; i < (options.apiNodes ?? 1); i++) await addApi()

  return {
    urls,
    database,
    config: base,
    logged,
    startApi: addApi,
    stopApi: async (index = 0) => {
      const role = apis[index]
      apis[index] = undefined
      await role?.stop()
    },
    stopProjections: async () => {
      await projections?.stop()
      projections = undefined
    },
    startProjections: async () => {
      projections = await startProjections(context('projections'))
    },
    stop: async () => {
      await Promise.all(apis.map((role) => role?.stop()))
      await workers?.stop()
      await projections?.stop()
      await database.drop()
    },
  }
}

export interface TokenOptions {
  readonly expiresInSeconds?: number
  readonly secret?: string
  readonly claims?: object
}

export const tokenFor = (userId: string, options: TokenOptions = {}): Promise<string> =>
  new SignJWT({ ...options.claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setExpirationTime(Math.floor(Date.now() / 1000) + (options.expiresInSeconds ?? 3600))
    .sign(Buffer.from(options.secret ?? SECRET))

/** Brings everything up, step by step, and notes in `Up` what is up. Takes nothing down: its caller does, also half-way. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkRedis } from '../bus/redis-connection.ts'
import type { Config } from '../config.ts'
import { holdDataFolder } from '../data-folder.ts'
import { startEmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts'
import type { Logger } from '../logging.ts'
import { migrate } from '../migrate.ts'
import { describeDatabase } from '../postgres.ts'
import { startProblem } from '../problem.ts'
import { isStill, type ProcessIdentity } from '../process-identity.ts'
import type { RoleName } from '../role.ts'
import { resolveConfig } from '../secrets.ts'
import { DATA_FOLDER } from '../settings.ts'
import { Child } from './child.ts'
import { checkPort } from './ports.ts'
import type { Up } from './take-down.ts'

/** In the order in which they stop: sockets are closed before what serves them goes. */
const PROCESSES: readonly { name: string; roles: readonly RoleName[] }[] = [
  { name: 'api', roles: ['api'] },
  { name: 'background', roles: ['projections', 'workers'] },
]

/** Children of a supervisor that was killed notice it at once and stop by themselves; this long they are waited for. */
const LEFTOVERS_LIMIT_MS = 5_000
const PUBLISH_AGAIN_MS = 5_000

export interface SupervisorOptions {
  readonly config: Config
  /** The program to fork, and the arguments with which it runs these roles under a supervisor. */
  readonly program: string
  argsFor(roles: readonly RoleName[]): readonly string[]
  /** Rejects with a `StartProblem` if the ledger of `LEDGER_URL` can't be reached. */
  checkLedger(): Promise<void>
  /** What the person at the terminal reads. */
  print(line: string): void
}

export interface BringUpContext {
  readonly log: Logger
  /** Aborts between two steps. */
  readonly signal: AbortSignal
  /** Something that was up is down for good. */
  onBroken(reason: unknown): void
}

/** Resolves when everything is ready and said so. Rejects with the reason, or because of the signal. */
export async function bringUp(
  { config, program, argsFor, checkLedger, print }: SupervisorOptions,
  up: Up,
  { log, signal, onBroken }: BringUpContext,
): Promise<void> {
  // 1. the folder is ours alone, what a killed run left is gone, and nothing outside is in the way
  const folder = holdDataFolder(config.dataFolder)
  up.folder = folder
  await endLeftovers(folder.leftovers, log)
  await checkPort(config.port, config.host)
  if (config.redisUrl !== undefined) await checkRedis(config.redisUrl, log)
  signal.throwIfAborted()
  // A server that is silent is waited for longer than somebody who has pressed Ctrl-C would.
  await Promise.race([checkLedger(), aborted(signal)])

  // 2. the processes: they load their code while the database comes up
  const facts: { databaseUrl?: string; address?: string } = {}
  let publishingAgain: NodeJS.Timeout | undefined
  const publish = () => {
    clearTimeout(publishingAgain)
    const children = up.children.flatMap(({ child }) => child.identity ?? [])
    try {
      folder.publish({ ...facts, children })
    } catch (error) {
      // A full disk is no reason to end what runs; it is only not to be found by commands until there is room.
      log.error({ err: error }, 'running.json could not be written; trying again')
      publishingAgain = setTimeout(publish, PUBLISH_AGAIN_MS).unref()
    }
  }
  const allReady = PROCESSES.map(
    ({ name, roles }) =>
      new Promise<void>((resolve) => {
        const child = new Child({
          name,
          program,
          args: argsFor(roles),
          log,
          onForked: () => queueMicrotask(publish),
          onReady: (address) => {
            if (address !== undefined) facts.address = address
            publish()
            resolve()
          },
          onGivenUp: onBroken,
        })
        up.children.push({ name, child })
      }),
  )

  // 3. the database
  let databaseUrl = config.databaseUrl
  if (databaseUrl === undefined) {
    const postgres = await startEmbeddedPostgres(config.dataFolder, log)
    up.postgres = postgres
    postgres.exited.then(() => onBroken(postgresEnded(postgres.home)))
    databaseUrl = postgres.url
    facts.databaseUrl = postgres.url
  }
  signal.throwIfAborted()
  await migrate({ url: databaseUrl, log })
  signal.throwIfAborted()

  // 4. the roles
  const resolved = resolveConfig(config, databaseUrl)
  for (const { name, child } of up.children) {
    const environment = {
      DATABASE_URL: databaseUrl,
      TRIPTICK_JWT_SECRET: resolved.jwtSecret,
      TRIPTICK_MASTER_KEY: resolved.masterKey.toString('base64'),
      TRIPTICK_NODE: name === 'api' ? config.node : `${config.node.slice(0, 50)}-${name}`,
    }
    // A send waits for the api, and not for read models.
    if (name === 'api') child.start({ environment })
    else child.start({ environment, goesAfterOthers: up.postgres ? 'process and backends' : 'process' })
  }
  await Promise.race([Promise.all(allReady), aborted(signal)])

  // 5. said to whoever waits for it
  print(`ready ${facts.address ?? ''}`)
  print(`  data   ${config.dataFolder}`)
  print(
    `  ledger ${config.ledgerUrl === undefined ? `Postgres, ${up.postgres?.home ?? describeDatabase(databaseUrl)}` : 'EventStoreDB'}`,
  )
  print(`  token  ${elsewhere(config)}npx triptick token alice`)
}

/** What another command needs to find this system, for a shell; nothing where it looks there by itself. */
function elsewhere({ dataFolder }: Config): string {
  if (resolve(dataFolder) === resolve(DATA_FOLDER)) return ''
  return `TRIPTICK_DATA='${dataFolder.replaceAll("'", "'\\''")}' `
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

async function endLeftovers(leftovers: readonly ProcessIdentity[], log: Logger): Promise<void> {
  if (leftovers.length > 0) log.info('waiting for processes of an earlier run that was killed')
  for (let waited = 0; leftovers.some(isStill) && waited < LEFTOVERS_LIMIT_MS; waited += 50) await sleep(50)
  for (const leftover of leftovers.filter(isStill)) process.kill(leftover.pid, 'SIGKILL')
}

function postgresEnded(home: string) {
  return startProblem(
    'Postgres ended by itself',
    `Its log is ${home}/postgres.log. Nothing that was acknowledged is lost: start again.`,
  )
}

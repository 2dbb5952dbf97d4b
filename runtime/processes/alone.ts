/** One process of a larger deployment: the named roles, on a database that others run. Starts no Postgres. */
import { type Config, hasAccounts } from '../config.ts'
import { createLogger } from '../logging.ts'
import { migrate } from '../migrate.ts'
import { type Problem, StartProblem } from '../problem.ts'
import type { RoleName } from '../role.ts'
import { resolveConfig } from '../secrets.ts'
import { listenForStop } from '../shutdown.ts'
import { type RoleLoader, runRoles } from './run-roles.ts'

/** Resolves with the exit code, after a signal has stopped the roles. */
export async function runAlone(
  names: readonly RoleName[],
  config: Config,
  load: RoleLoader,
  checkLedger: () => Promise<void>,
  print: (line: string) => void,
): Promise<number> {
  // 1. what all processes of a deployment must have in common
  const { databaseUrl, problems } = sharedSettings(config)
  if (databaseUrl === undefined || problems.length > 0) throw new StartProblem(problems, 2)
  const log = createLogger({ level: config.logLevel, process: names.join(','), node: config.node })
  const stopSignals = listenForStop()
  const resolved = resolveConfig(config, databaseUrl)
  const up = async () => {
    // 2. the ledger is there, and the schema; processes that start together wait for each other
    await checkLedger()
    await migrate({ url: databaseUrl, log })
    // 3. the roles
    const starts = await Promise.all(names.map(async (name) => [name, await load(name)] as const))
    return await runRoles(new Map(starts), resolved)
  }
  const running = await Promise.race([up(), stopSignals.first])
  // Half-way there is nothing in memory that matters.
  if (typeof running === 'string') return 130
  print(`ready ${running.address ?? names.join(', ')}`)
  // 4. until a signal
  const signal = await stopSignals.first
  log.info(`${signal}: stopping`)
  const hurry = stopSignals.second.then(() => 130)
  return await Promise.race([running.stop().then((inTime) => (inTime ? 0 : 1)), hurry])
}

/**
 * Secrets generated per machine would differ: tokens of one process would be refused by the next, and a body sealed by one
 * could be opened by no other. So they must be given here, unlike with `triptick start`.
 */
function sharedSettings(config: Config): { databaseUrl: string | undefined; problems: Problem[] } {
  const problems: Problem[] = []
  const missing = (setting: string, fix: string) =>
    problems.push({ setting, problem: 'is needed with --role, the same for every process', fix })
  if (config.databaseUrl === undefined) missing('DATABASE_URL', 'Set it, or start all roles without --role.')
  if (config.masterKey === undefined) missing('TRIPTICK_MASTER_KEY', 'Make one with: openssl rand -base64 32')
  if (config.jwtSecret === undefined && config.jwksUrl === undefined) {
    missing('TRIPTICK_JWT_SECRET', 'Make one with `openssl rand -base64 32`, or set TRIPTICK_JWKS_URL.')
  } else if (config.jwtSecret === undefined && hasAccounts(config)) {
    missing(
      'TRIPTICK_JWT_SECRET',
      'It signs the tokens of accounts: make one with `openssl rand -base64 32`, or unset TRIPTICK_ACCOUNTS.',
    )
  }
  return { databaseUrl: config.databaseUrl, problems }
}

/** Runs roles inside this process, from their start to their stop. Decides neither which nor when. */
import type { ResolvedConfig } from '../config.ts'
import { createLogger, type Logger, logWarnings } from '../logging.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { startMetricsServer } from '../metrics-server.ts'
import type { Role, RoleName, StartRole } from '../role.ts'
import { stopInOrder } from '../shutdown.ts'
import { explainListenError } from './ports.ts'

export type RoleLoader = (name: RoleName) => Promise<StartRole>

/** Sockets are closed first, and whoever writes read models stops last. */
const STOP_ORDER: readonly RoleName[] = ['api', 'workers', 'projections']
/** Less than the supervisor's patience, so that a slow role can still say that it was slow. */
const STOP_LIMIT_MS = 8_000

export interface RunningRoles {
  readonly address: string | undefined
  /** False if a role did not stop in time. */
  stop(): Promise<boolean>
}

/** Starts them side by side. If one fails, the others are stopped and its error is thrown. */
export async function runRoles(
  startRoles: ReadonlyMap<RoleName, StartRole>,
  config: ResolvedConfig,
): Promise<RunningRoles> {
  const names = [...startRoles.keys()]
  const log = createLogger({ level: config.logLevel, process: names.join(','), node: config.node })
  logWarnings(log)
  const metrics = createMetrics(names.join(','))
  const started: { name: string; role: Role }[] = []
  const outcomes = await Promise.allSettled(
    [...startRoles].map(async ([name, start]) => {
      const own = createLogger({ level: config.logLevel, process: name, node: config.node })
      started.push({ name, role: await start({ config, log: own, metrics }) })
    }),
  )
  const stop = () => stopRoles(started, log)
  try {
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure !== undefined) throw explainListenError(failure.reason, config.port, config.host)
    if (config.metricsPort !== undefined && !startRoles.has('api')) {
      started.push({ name: 'metrics', role: await showMetrics(config.host, config.metricsPort, metrics) })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { address: started.find(({ name }) => name === 'api')?.role.address, stop }
}

async function showMetrics(host: string, port: number, metrics: Metrics): Promise<Role> {
  try {
    return await startMetricsServer(host, port, metrics)
  } catch (error) {
    throw explainListenError(error, port, host, 'TRIPTICK_METRICS_PORT')
  }
}

function stopRoles(started: readonly { name: string; role: Role }[], log: Logger): Promise<boolean> {
  const place = (name: string) => (STOP_ORDER as readonly string[]).indexOf(name)
  const inOrder = started.toSorted((a, b) => place(a.name) - place(b.name))
  return stopInOrder(
    inOrder.map(({ name, role }) => ({ name, stop: () => role.stop() })),
    STOP_LIMIT_MS,
    log,
  )
}

/**
 * A child process under the supervisor: loads its roles, starts them when told, and obeys nobody but the supervisor.
 * Migrates nothing and prints nothing.
 */
import { once } from 'node:events'
import { readConfig } from '../config.ts'
import { StartProblem } from '../problem.ts'
import type { RoleName } from '../role.ts'
import { resolveConfig } from '../secrets.ts'
import { type StartOrder, ToChild, type ToSupervisor } from './messages.ts'
import { type RoleLoader, runRoles } from './run-roles.ts'
import { goAfterOthers } from './scheduling.ts'

/** Resolves with the exit code. */
export async function runSupervised(names: readonly RoleName[], load: RoleLoader): Promise<number> {
  // 1. We come down in order: api, background, Postgres. SIGINT and SIGHUP, sent to all processes of our name, are for the supervisor.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  const told = listenToSupervisor()
  const terminated = once(process, 'SIGTERM')
  // 2. the code, while the supervisor brings up the database
  const loading = Promise.all(names.map(async (name) => [name, await load(name)] as const))
  loading.catch(() => {}) // awaited below; it may fail before we are told to start
  const order = await Promise.race([told.start, told.stop, terminated])
  if (order === undefined || Array.isArray(order)) return 0
  if (order.goesAfterOthers !== undefined) goAfterOthers(order.goesAfterOthers)
  // 3. the roles
  try {
    const running = await Promise.race([startWith(order, new Map(await loading)), told.stop])
    // Told to stop half-way: what has been started keeps nothing in memory that matters.
    if (running === undefined) return 0
    await tell({ kind: 'ready', ...(running.address === undefined ? {} : { address: running.address }) })
    // 4. until told to stop, or the supervisor is gone
    await Promise.race([told.stop, terminated])
    return (await running.stop()) ? 0 : 1
  } catch (error) {
    if (!(error instanceof StartProblem)) throw error
    await tell({ kind: 'failed', problems: [...error.problems], exitCode: error.exitCode })
    return error.exitCode
  }
}

function startWith({ environment }: StartOrder, roles: Parameters<typeof runRoles>[0]) {
  const reading = readConfig({ ...process.env, ...environment })
  if (!reading.ok) throw new StartProblem(reading.problems, 2)
  const { databaseUrl } = reading.config
  if (databaseUrl === undefined) throw new Error('the supervisor sent no DATABASE_URL')
  return runRoles(roles, resolveConfig(reading.config, databaseUrl))
}

function listenToSupervisor(): { start: Promise<StartOrder>; stop: Promise<undefined> } {
  let begin: (order: StartOrder) => void
  let end: (nothing: undefined) => void
  const start = new Promise<StartOrder>((resolve) => {
    begin = resolve
  })
  const stop = new Promise<undefined>((resolve) => {
    end = resolve
  })
  process.on('message', (raw) => {
    const message = ToChild.parse(raw)
    switch (message.kind) {
      case 'start':
        begin(message)
        break
      case 'stop':
        end(undefined)
        break
      default:
        message satisfies never
    }
  })
  process.on('disconnect', () => end(undefined))
  return { start, stop }
}

/** Resolves when it is on its way: whoever exits before has said nothing. */
function tell(message: ToSupervisor): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send) process.send(message, () => resolve())
    else resolve()
  })
}

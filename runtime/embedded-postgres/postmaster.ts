/** The Postgres server process: starts it, waits until it serves, stops it. Knows nothing of databases and passwords. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logging.ts'
import { startProblem } from '../problem.ts'
import { commandLineOf, isAlive } from '../process-identity.ts'
import type { Binaries } from './binaries.ts'
import { postgresEnvironment } from './cluster.ts'
import type { Home } from './home.ts'
import { asFlags, type ServerPlace, serverSettings } from './server-settings.ts'

/** `fast`: ends connections, writes a checkpoint. `immediate`: just stops; the next start recovers from the WAL. */
export type StopMode = 'fast' | 'immediate'
const SIGNAL_OF = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

export interface Postmaster {
  readonly pid: number
  /** Resolves when the server is gone, whoever ended it. */
  readonly exited: Promise<void>
  stop(mode: StopMode): Promise<void>
}

const REAPING_LIMIT_MS = 5_000
const LOG_FILE_LIMIT = 16 * 1024 * 1024

/** Resolves when the server accepts connections, however long it recovers; rejects if it ends before. */
export async function startPostmaster(
  home: Home,
  binaries: Binaries,
  place: ServerPlace,
  log: Logger,
): Promise<Postmaster> {
  const logFile = join(home.path, 'postgres.log')
  const logStart = rotate(logFile)
  const output = openSync(logFile, 'a', 0o600)
  const child = spawn(binaries.postgres, ['-D', home.cluster, ...asFlags(serverSettings(place))], {
    cwd: home.path,
    env: postgresEnvironment(),
    stdio: ['ignore', output, output],
    // Its own session: a terminal's Ctrl-C is for us, and Postgres stops last.
    detached: true,
    ...(home.user === undefined ? {} : { uid: home.user.uid, gid: home.user.gid }),
  })
  closeSync(output)
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`))
  })
  const { pid } = child
  if (pid === undefined) throw didNotStart(await ended, logFile, logStart)

  let waited = 0
  while (!isReady(home.cluster, pid)) {
    const reason = await Promise.race([ended, sleep(10)])
    if (reason !== undefined) throw didNotStart(reason, logFile, logStart)
    waited += 10
    if (waited % 5000 === 0) log.info('Postgres is recovering from an unclean stop')
  }
  const guard = guardAgainstOurDeath(home.cluster, pid)
  const exited = ended.then(() => {
    guard.kill('SIGKILL')
  })
  return {
    pid,
    exited,
    async stop(mode) {
      if (child.exitCode === null && child.signalCode === null) process.kill(pid, SIGNAL_OF[mode])
      await exited
    },
  }
}

/** The last line of postmaster.pid says `ready` once connections are accepted. Cheaper than trying to connect. */
function isReady(cluster: string, pid: number): boolean {
  const lines = readPidFile(cluster)
  return Number(lines?.[0]) === pid && lines?.[7]?.trim() === 'ready'
}

function readPidFile(cluster: string): string[] | undefined {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return undefined
  }
}

/**
 * Postgres is in a session of its own, so nothing would end it if this process were killed. A shell waits on a pipe that
 * closes with us, gives our child processes time to finish, and then stops the server if it is still the same one.
 */
function guardAgainstOurDeath(cluster: string, pid: number): ChildProcess {
  const script = 'read _; sleep 5; [ "$(head -n 1 "$1/postmaster.pid")" = "$2" ] && kill -INT "$2"'
  const guard = spawn('/bin/sh', ['-c', script, 'sh', cluster, String(pid)], {
    cwd: '/',
    env: postgresEnvironment(),
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell there is no guard; everything else works.
  guard.on('error', () => {})
  guard.unref()
  return guard
}

/** Stops a server that a killed Triptick left behind. The caller holds the data folder, so nobody else is using it. */
export async function stopLeftover(cluster: string, log: Logger): Promise<void> {
  const pid = Number(readPidFile(cluster)?.[0])
  // Postgres takes a zombie for a running server, and does not start beside it.
  for (let waited = 0; pid && isUnreaped(pid) && waited < REAPING_LIMIT_MS; waited += 20) await sleep(20)
  // The pid may be somebody else's by now: the command line tells.
  if (!pid || !commandLineOf(pid)?.includes(cluster)) return
  log.info({ pid }, 'stopping the Postgres that an earlier run left behind')
  process.kill(pid, SIGNAL_OF.fast)
  for (let waited = 0; isAlive(pid); waited += 20) {
    // A server that does not stop in 10 s is stopped hard; its WAL makes that safe.
    if (waited === 10_000) process.kill(pid, SIGNAL_OF.immediate)
    await sleep(20)
  }
}

/** It is dead, but whoever has to take note of it (init, once its parent is dead too) has not yet. */
function isUnreaped(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !isAlive(pid)
  } catch {
    return false
  }
}

/** @returns where in the file this run begins. */
function rotate(logFile: string): number {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0
  if (size < LOG_FILE_LIMIT) return size
  renameSync(logFile, `${logFile}.1`)
  return 0
}

function didNotStart(reason: string, logFile: string, from: number) {
  const said = readFileSync(logFile).subarray(from).toString().trim().split('\n').slice(-5).join('\n  ')
  return startProblem(
    `Postgres did not start (${reason}):\n  ${said}`,
    `The whole log is in ${logFile}. DATABASE_URL can point at a Postgres of your own instead.`,
  )
}

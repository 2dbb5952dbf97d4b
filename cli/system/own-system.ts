/**
 * A Triptick of a command's own: `triptick start` as a child process, on a free port, with a data folder that is gone
 * afterwards. Touches no other Triptick, and none of its databases.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../runtime/config.ts'
import { packageRoot } from '../../runtime/package-root.ts'
import { startProblem } from '../../runtime/problem.ts'
import { signPlayer } from './sign-player.ts'
import type { OwnSystem } from './system.ts'

/** What `triptick start` would take from our environment, and must not. */
const NOT_INHERITED = [
  'DATABASE_URL',
  'LEDGER_URL',
  'REDIS_URL',
  'TRIPTICK_URL',
  'TRIPTICK_JWKS_URL',
  'TRIPTICK_JWT_SECRET_PREVIOUS',
  'TRIPTICK_METRICS_PORT',
  'TRIPTICK_NODE',
]

const READY_LIMIT_MS = 60_000

/** @param more environment of the child. Rejects with a `StartProblem`. */
export async function startOwnSystem(config: Config, more: NodeJS.ProcessEnv = {}): Promise<OwnSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'triptick-own-'))
  // Postgres runs as another user when we are root, and must get through.
  chmodSync(folder, 0o711)
  const dataFolder = join(folder, 'data')
  const { TRIPTICK_JWT_SECRET: jwtSecret = randomBytes(32).toString('base64url') } = more
  const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.includes(name))
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), 'start'], {
    env: {
      ...Object.fromEntries(inherited),
      PORT: '0',
      HOST: '127.0.0.1',
      TRIPTICK_DATA: dataFolder,
      TRIPTICK_JWT_SECRET: jwtSecret,
      TRIPTICK_LOG_LEVEL: 'warn',
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A terminal's Ctrl-C is for us; we stop it when we are done with it.
    detached: true,
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killWithUs = () => child.kill('SIGTERM')
  process.once('exit', killWithUs)

  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await ended
    process.removeListener('exit', killWithUs)
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    const url = await readyAddress(child)
    return {
      url,
      own: true,
      pid: child.pid ?? 0,
      config: { ...config, dataFolder, jwtSecret, databaseUrl: undefined, ledgerUrl: undefined },
      tokenFor: (userId, name) => signPlayer({ ...config, jwtSecret }, userId, name),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function readyAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    let complained = ''
    const fail = (what: string) =>
      reject(startProblem(`a Triptick of our own ${what}\n${complained.trim()}`, 'See what it said above.'))
    const patience = setTimeout(() => fail('was not ready in a minute'), READY_LIMIT_MS)
    child.stderr?.on('data', (chunk) => {
      complained = `${complained}${chunk}`.slice(-4000)
    })
    child.stdout?.on('data', (chunk) => {
      said += chunk
      const address = /^ready (\S+)/m.exec(said)?.[1]
      if (address === undefined) return
      clearTimeout(patience)
      resolve(address)
    })
    child.once('exit', (code, signal) => {
      clearTimeout(patience)
      fail(`did not start (${signal ?? `exit code ${code}`})`)
    })
  })
}

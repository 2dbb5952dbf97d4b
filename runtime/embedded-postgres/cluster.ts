/** Creates a Postgres data directory, once. Starts no server. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { startProblem } from '../problem.ts'
import type { Binaries } from './binaries.ts'
import type { Home } from './home.ts'

export const SUPERUSER = 'triptick'
const MAJOR_VERSION = '18'

/** @returns the password of `SUPERUSER`, kept beside the cluster and readable by us alone. */
export async function ensureCluster(home: Home, binaries: Binaries): Promise<string> {
  const passwordFile = join(home.path, 'password')
  if (!existsSync(home.cluster)) await initialise(home, binaries, passwordFile)
  const version = contentOf(join(home.cluster, 'PG_VERSION'))
  if (version !== MAJOR_VERSION) {
    throw startProblem(
      `the database in ${home.path} was made by PostgreSQL ${version}; this Triptick brings PostgreSQL ${MAJOR_VERSION}`,
      'Upgrade it with pg_upgrade and point DATABASE_URL at it, or set TRIPTICK_DATA to another folder.',
    )
  }
  return contentOf(passwordFile)
}

/** Of a file without which there is no database: a power cut, a full disk or a copy made by halves may leave it out, or empty. */
function contentOf(path: string): string {
  const content = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
  if (content !== '') return content
  throw startProblem(
    `${path}, which belongs to the database, is ${existsSync(path) ? 'empty' : 'missing'}`,
    'Put the data folder back from a backup that is whole, or set TRIPTICK_DATA to another folder to begin with an empty database.',
  )
}

/** Into a folder of another name, renamed when complete: a start that was killed half-way leaves nothing behind to trip over. */
async function initialise(home: Home, binaries: Binaries, passwordFile: string): Promise<void> {
  const unfinished = `${home.cluster}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  writeFileSync(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  const { user } = home
  // initdb runs as that user and must read the password; afterwards the file is ours again.
  if (user !== undefined) for (const path of [unfinished, passwordFile]) chownSync(path, user.uid, user.gid)
  await runInitdb(binaries.initdb, home, [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    // Also for local sockets: other users of this machine must not get in.
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Collation that comes with Postgres: an upgrade of the system's C library can't corrupt an index.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ])
  if (user !== undefined) chownSync(passwordFile, 0, 0)
  // initdb has synced its own: a power cut must not leave a database behind to which nobody has the password.
  for (const path of [passwordFile, home.path]) sync(path)
  renameSync(unfinished, home.cluster)
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function runInitdb(initdb: string, { path, user }: Home, flags: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(initdb, flags, {
      cwd: path,
      env: postgresEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    })
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString()
    })
    child.stderr.on('data', (text: Buffer) => {
      output += text.toString()
    })
    const failed = (reason: string) =>
      reject(
        startProblem(
          `the database could not be created in ${path}: ${reason}`,
          'Set TRIPTICK_DATA to another folder, or set DATABASE_URL to a Postgres of your own.',
        ),
      )
    child.on('error', (error) => failed(error.message))
    child.on('close', (code, signal) =>
      code === 0 ? resolve() : failed(output.trim() || `${code ?? signal}`),
    )
  })
}

/** Nothing of ours: PG* variables would change what Postgres does, and secrets must not show in another user's process. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

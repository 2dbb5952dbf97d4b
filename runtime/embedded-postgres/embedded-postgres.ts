/** A real PostgreSQL for people who have none: durable, private to this machine and user, in the data folder. */
import { chownSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../logging.ts'
import { StartProblem } from '../problem.ts'
import { findBinaries } from './binaries.ts'
import { ensureCluster, SUPERUSER } from './cluster.ts'
import { findHome, type Home } from './home.ts'
import { type Postmaster, type StopMode, startPostmaster, stopLeftover } from './postmaster.ts'
import type { ServerPlace } from './server-settings.ts'
import { startWriteBack } from './write-back.ts'

export interface EmbeddedPostgres {
  /** Contains the password. */
  readonly url: string
  /** Where the database really lies. */
  readonly home: string
  readonly pid: number
  /** Resolves when the server is gone, whoever ended it. */
  readonly exited: Promise<void>
  /** Default `fast`. */
  stop(mode?: StopMode): Promise<void>
}

/** For tests of unreachable folders. */
export interface Places {
  /** Default `/var/lib/triptick`. */
  readonly elsewhere?: string
  /** Default: the npm package of this platform. */
  readonly native?: string
}

const DATABASE = 'triptick'

/**
 * The caller holds the data folder (`holdDataFolder`): a server found running in it is a leftover and is stopped.
 * First start about a second, later ones a third of that. Rejects with a `StartProblem`.
 */
export async function startEmbeddedPostgres(
  dataFolder: string,
  log: Logger,
  places: Places = {},
): Promise<EmbeddedPostgres> {
  // 1. where, and as whom
  const home = findHome(dataFolder, log, places.elsewhere)
  const binaries = findBinaries(home, places.native)
  // 2. what an earlier run left
  await stopLeftover(home.cluster, log)
  // 3. the data directory, the first time
  const password = await ensureCluster(home, binaries)
  // 4. the server
  const place = { port: await freePort(), ...socketFolderOf(home) }
  const postmaster = await withRetries(() => startPostmaster(home, binaries, place, log))
  // 5. our database in it, the first time
  const url = urlOf(place, password)
  try {
    await ensureDatabase(urlOf(place, password, 'postgres'), log)
  } catch (error) {
    await postmaster.stop('fast')
    throw error
  }
  // 6. its files on the disk, a little at a time
  const writeBack = startWriteBack(home.cluster, (err) => {
    log.error(
      { err },
      'the disk has lost what Postgres wrote: it is stopped, and recovers from its WAL at the next start',
    )
    void postmaster.stop('immediate')
  })
  return {
    url,
    home: home.path,
    pid: postmaster.pid,
    exited: postmaster.exited,
    async stop(mode = 'fast') {
      // Not waited for: a disk that hangs must not keep Postgres from its signal.
      void writeBack.stop()
      await postmaster.stop(mode)
    },
  }
}

/** After a crash of the server its last processes may hold the shared memory a moment longer. */
async function withRetries(start: () => Promise<Postmaster>): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      const passing = error instanceof StartProblem && /still in use|already in use/.test(error.message)
      if (!passing || attempt === 20) throw error
      await sleep(250)
    }
  }
}

async function ensureDatabase(url: string, log: Logger): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
    // A hint: nobody is kept from starting by it.
    await adviseHugePages(client, log).catch((err: unknown) => log.debug({ err }, 'huge pages are not known'))
  } finally {
    await client.end()
  }
}

/** They are taken where the machine has reserved enough of them, which is for whoever runs it to decide. */
async function adviseHugePages(client: pg.Client, log: Logger): Promise<void> {
  const { rows } = await client.query<{ status: string; wanted: number }>(
    `SELECT current_setting('huge_pages_status') AS status, current_setting('shared_memory_size_in_huge_pages')::int AS wanted`,
  )
  const [row] = rows
  // -1 where the system has none.
  if (!row || row.status === 'on' || row.wanted < 0) return
  log.debug(
    `Postgres has no huge pages: whoever runs this machine may reserve them by \`sysctl -w vm.nr_hugepages=${row.wanted}\`, before the start`,
  )
}

/** A socket's folder stands in for the host, percent-encoded: libpq, node-postgres and `new URL` all read that. */
function urlOf({ port, socketFolder }: ServerPlace, password: string, database = DATABASE): string {
  const host = socketFolder === undefined ? '127.0.0.1' : encodeURIComponent(socketFolder)
  return `postgres://${SUPERUSER}:${password}@${host}:${port}/${database}`
}

/** The system limits a socket's path to 103 bytes (macOS; Linux 107). */
function socketFolderOf({ path, user }: Home): { socketFolder?: string } {
  const folder = join(path, 'socket')
  if (Buffer.byteLength(join(folder, '.s.PGSQL.65535.lock')) > 103) return {}
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  return { socketFolder: folder }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

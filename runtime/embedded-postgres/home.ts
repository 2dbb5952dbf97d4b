/**
 * Where the embedded Postgres lives: `<data folder>/postgres`, or a link of that name to a place that Postgres can reach.
 * Never deletes a database.
 *
 * Root's own folders (`/root`, mode 0700) are closed to the user that Postgres runs as. Opening them up is not ours to do,
 * so the database moves to `/var/lib/triptick/<hash of the data folder>` and a link takes its place.
 */
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Logger } from '../logging.ts'
import { startProblem } from '../problem.ts'
import { canReach, type SystemUser, userForPostgres } from './system-user.ts'

export interface Home {
  /** The real path, without links. Belongs to us. */
  readonly path: string
  /** Postgres' own data directory in it, which belongs to `user`. May not exist yet. */
  readonly cluster: string
  /** Whom Postgres runs as, if not as ourselves. */
  readonly user: SystemUser | undefined
}

/** @param elsewhere where databases go that can't stay in the data folder. */
export function findHome(dataFolder: string, log: Logger, elsewhere = '/var/lib/triptick'): Home {
  const link = join(dataFolder, 'postgres')
  const user = userForPostgres(join(link, 'cluster'))
  // Others may pass through our folders but not look around; what they must not read is 0600 or 0700 itself.
  const mode = user === undefined ? 0o700 : 0o711
  const place = lstatSync(link, { throwIfNoEntry: false })

  if (place?.isSymbolicLink()) {
    if (!existsSync(link)) throw lostDatabase(link)
    const path = realpathSync(link)
    claim(path, dataFolder)
    return { path, cluster: join(path, 'cluster'), user }
  }
  if (user === undefined || canReach(place === undefined ? dataFolder : link, user)) {
    mkdirSync(link, { recursive: true, mode })
    return { path: realpathSync(link), cluster: join(realpathSync(link), 'cluster'), user }
  }

  const hash = createHash('sha256').update(realpathSync(dataFolder)).digest('hex').slice(0, 12)
  const path = join(elsewhere, hash)
  setAside(path, log)
  mkdirSync(elsewhere, { recursive: true, mode })
  if (!canReach(elsewhere, user)) throw nowhere(dataFolder, elsewhere, user)
  if (place === undefined) mkdirSync(path, { mode })
  else moveTo(link, path)
  symlinkSync(path, link)
  claim(path, dataFolder)
  log.info(
    `the database is kept in ${path}: Postgres runs as ${user.name}, who may not enter ${closedFolder(dataFolder, user)}`,
  )
  return { path, cluster: join(path, 'cluster'), user }
}

/** Somebody deleted the data folder, not knowing that the database is elsewhere. They wanted a fresh one; we keep the old. */
function setAside(path: string, log: Logger): void {
  if (!existsSync(path)) return
  if (existsSync(join(path, 'cluster', 'postmaster.pid'))) {
    throw startProblem(
      `the data folder is gone but its database in ${path} is still running`,
      `Stop it: kill -INT ${readFileSync(join(path, 'cluster', 'postmaster.pid'), 'utf8').split('\n', 1)[0]}`,
    )
  }
  const aside = `${path}.old-${Date.now()}`
  renameSync(path, aside)
  log.warn(`a database of a data folder that was deleted lies in ${aside}: delete it if nobody needs it`)
}

function moveTo(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    throw startProblem(
      `the database in ${from} can no longer be reached by Postgres, and can't be moved to ${to}: ${String(error)}`,
      `Move it by hand (mv ${from} ${to} && ln -s ${to} ${from}), or open the folders above it (chmod o+x).`,
    )
  }
}

/** A copied data folder brings the link along: both copies would then run on one database. The first one keeps it. */
function claim(path: string, dataFolder: string): void {
  const file = join(path, 'owner')
  const us = realpathSync(dataFolder)
  const owner = existsSync(file) ? readFileSync(file, 'utf8').trim() : us
  if (owner !== us && linkTarget(join(owner, 'postgres')) === path) {
    throw startProblem(
      `${us} is a copy of ${owner}: its database is still the one of ${owner}`,
      `Delete ${join(dataFolder, 'postgres')} (only a link) to begin with an empty database, or use ${owner}.`,
    )
  }
  writeFileSync(file, `${us}\n`)
}

function linkTarget(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

function closedFolder(path: string, user: SystemUser): string {
  const parent = dirname(path)
  return parent === path || canReach(parent, user) ? path : closedFolder(parent, user)
}

function lostDatabase(link: string) {
  return startProblem(
    `${link} points to ${linkTarget(link)}, which does not exist: the database is lost or was moved`,
    `Put it back, or delete ${link} to begin with an empty database.`,
  )
}

function nowhere(dataFolder: string, elsewhere: string, user: SystemUser) {
  return startProblem(
    `Postgres runs as ${user.name}, who can reach neither ${dataFolder} nor ${elsewhere}`,
    'Set TRIPTICK_DATA to a folder that every user may enter, start as an ordinary user, or set DATABASE_URL.',
  )
}

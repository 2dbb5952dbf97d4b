/**
 * The data folder: made private, held by one Triptick at a time, and where commands find the one that runs
 * (`running.json`). Knows nothing of what lies in it otherwise.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { startProblem } from './problem.ts'
import { identify, isStill, ProcessIdentity } from './process-identity.ts'

/** What a running Triptick says about itself. Secret, since the URL holds the password: mode 0600. */
const Running = ProcessIdentity.extend({
  children: z.array(ProcessIdentity),
  databaseUrl: z.string().optional(),
  address: z.string().optional(),
})
export type Running = z.infer<typeof Running>

export interface HeldDataFolder {
  /** Processes of an earlier run that was killed: they end by themselves soon, but may still use what we need. */
  readonly leftovers: readonly ProcessIdentity[]
  /** Throws where the disk takes nothing: what was said before stands then. Does nothing once the folder is released. */
  publish(facts: Pick<Running, 'children' | 'databaseUrl' | 'address'>): void
  release(): void
}

export function makeDataFolder(folder: string): void {
  try {
    // Root's Postgres runs as another user, who must pass through (not read) it.
    makeFolder(folder, process.getuid?.() === 0 ? 0o711 : 0o700)
  } catch (error) {
    throw startProblem(
      `the data folder ${folder} can't be created: ${error instanceof Error ? error.message : String(error)}`,
      'Set TRIPTICK_DATA to a folder that you may write to.',
    )
  }
}

/** Not `recursive` of Node 20, which never returns where a folder that is there takes no other (`/proc`), and hears no signal. */
function makeFolder(folder: string, mode: number): void {
  const parent = dirname(folder)
  if (!existsSync(parent)) makeFolder(parent, mode)
  try {
    mkdirSync(folder, { mode })
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** Takes the folder, or rejects with a `StartProblem` if another running Triptick has it. */
export function holdDataFolder(folder: string): HeldDataFolder {
  makeDataFolder(folder)
  const file = join(folder, 'running.json')
  const us = identify(process.pid)
  if (us === undefined) throw new Error('this process is not in the process table')
  let leftovers: readonly ProcessIdentity[] = []
  let said: Running = { ...us, children: [] }
  const draft = `${file}.${process.pid}`
  const write = () => writeFileSync(draft, JSON.stringify(said), { mode: 0o600 })
  let isReleased = false

  try {
    write()
    // A link is made only if the name is free, and the file is complete when it appears.
    for (let attempt = 0; !tryLink(draft, file); attempt++) {
      const other = parse(file)
      if (attempt === 10 || (other !== undefined && isStill(other))) throw inUse(folder, other)
      leftovers = other?.children.filter(isStill) ?? []
      discard(file, other)
    }
  } catch (error) {
    throw isSystemError(error) ? notWritten(folder, error) : error
  } finally {
    rmSync(draft, { force: true })
  }
  return {
    leftovers,
    publish(facts) {
      if (isReleased) return
      said = { ...us, ...facts }
      try {
        write()
        renameSync(draft, file)
      } catch (error) {
        rmSync(draft, { force: true })
        throw error
      }
    },
    release: () => {
      isReleased = true
      rmSync(file, { force: true })
    },
  }
}

/** The Triptick that holds this folder, if one is running. */
export function readRunning(folder: string): Running | undefined {
  const running = parse(join(folder, 'running.json'))
  return running !== undefined && isStill(running) ? running : undefined
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Removes what a dead process left; if somebody else did so and took the folder in between, theirs is put back. */
function discard(file: string, dead: Running | undefined): void {
  const taken = `${file}.dead-${process.pid}`
  try {
    renameSync(file, taken)
  } catch {
    return // somebody else was quicker
  }
  const found = parse(taken)
  const same = found?.pid === dead?.pid && found?.started === dead?.started
  if (!same) tryLink(taken, file)
  rmSync(taken, { force: true })
}

function parse(file: string): Running | undefined {
  try {
    return Running.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error

function notWritten(folder: string, error: Error) {
  return startProblem(
    `the data folder ${folder} can't be written: ${error.message}`,
    isSystemError(error) && error.code === 'ENOSPC'
      ? 'Make room on its disk, or set TRIPTICK_DATA to a folder elsewhere.'
      : 'Run this as the user whose folder it is, or set TRIPTICK_DATA to a folder that you may write to.',
  )
}

function inUse(folder: string, other: Running | undefined) {
  const where = other?.address === undefined ? '' : `, at ${other.address}`
  return startProblem(
    `another Triptick is running on the data folder ${folder} (process ${other?.pid ?? 'unknown'}${where})`,
    'Stop that one first, or set TRIPTICK_DATA (and PORT) for a second one beside it.',
  )
}

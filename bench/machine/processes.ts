/** What the processes of a running system use of the machine. Linux only (`/proc`); elsewhere there is nothing to tell. */
import { readdirSync, readFileSync } from 'node:fs'

export type ProcessKind = 'supervisor' | 'api' | 'background' | 'postgres'

/** Bytes of memory that no other process shares, added up by kind. */
export type Memory = Readonly<Record<ProcessKind, number>>

export interface Usage {
  /** Seconds of CPU since each began, added up by kind. */
  readonly cpuSeconds: Readonly<Record<ProcessKind, number>>
}

/** USER_HZ: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

interface Entry {
  readonly pid: number
  readonly parent: number
  /** As the kernel has it: the name of the program, 15 characters of it. */
  readonly command: string
  readonly cpuSeconds: number
  /** Of its children that have ended. */
  readonly reapedSeconds: number
}

export function usageUnder(root: number): Usage | undefined {
  if (process.platform !== 'linux') return undefined
  const cpuSeconds: Record<ProcessKind, number> = { supervisor: 0, api: 0, background: 0, postgres: 0 }
  for (const { pid, cpuSeconds: seconds } of descendants(root)) cpuSeconds[kindOf(pid)] += seconds
  return { cpuSeconds }
}

/** Without shared memory: every Postgres process maps the same buffers, and counts what it has touched of them. */
export function memoryUnder(root: number): Memory | undefined {
  if (process.platform !== 'linux') return undefined
  const memory: Record<ProcessKind, number> = { supervisor: 0, api: 0, background: 0, postgres: 0 }
  for (const { pid } of descendants(root)) memory[kindOf(pid)] += anonymousBytes(pid) ?? 0
  return memory
}

/** The first of its kind. */
export function processUnder(root: number, kind: ProcessKind): number | undefined {
  return process.platform === 'linux'
    ? descendants(root).find(({ pid }) => kindOf(pid) === kind)?.pid
    : undefined
}

/** How many files (and so sockets) this process may have open. */
export function maxOpenFiles(pid: number): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(read(`/proc/${pid}/limits`) ?? '')?.[1]
  return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** Cores used by each kind between two readings. */
export function coresBetween(before: Usage, after: Usage, seconds: number): Record<ProcessKind, number> {
  const cores = (kind: ProcessKind) =>
    Math.max(0, (after.cpuSeconds[kind] - before.cpuSeconds[kind]) / seconds)
  return {
    supervisor: cores('supervisor'),
    api: cores('api'),
    background: cores('background'),
    postgres: cores('postgres'),
  }
}

export function readProcesses(): Entry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => entryOf(Number(name)) ?? [])
}

/** Of all cores together, since the machine was started: everything but idling and waiting for disks. */
export function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    /^cpu +(.*)$/m
      .exec(read('/proc/stat') ?? '')?.[1]
      ?.split(' ')
      .map(Number) ?? []
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND
}

/** A process and all that descend from it. */
export function familyOf(root: number, all: readonly Entry[]): ReadonlySet<number> {
  const family = new Set([root])
  for (let grown = true; grown; ) {
    grown = false
    for (const { pid, parent } of all) {
      if (family.has(pid) || !family.has(parent)) continue
      family.add(pid)
      grown = true
    }
  }
  return family
}

function descendants(root: number): Entry[] {
  const all = readProcesses()
  const family = familyOf(root, all)
  return all.filter(({ pid }) => family.has(pid))
}

function entryOf(pid: number): Entry | undefined {
  // "pid (command) state ppid …": the command may hold blanks and brackets, so count from the last bracket.
  const parts = /^\d+ \((?<command>.*)\) (?<rest>.*)$/s.exec(read(`/proc/${pid}/stat`) ?? '')?.groups
  if (parts === undefined) return undefined
  const { command = '', rest = '' } = parts
  const fields = rest.split(' ')
  return {
    pid,
    parent: Number(fields[1]),
    command,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    reapedSeconds: (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND,
  }
}

function kindOf(pid: number): ProcessKind {
  const command = read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? ''
  if (/--role \S*api/.test(command)) return 'api'
  if (command.includes('--role ')) return 'background'
  return command.includes('postgres') && !command.includes('main.js') ? 'postgres' : 'supervisor'
}

function anonymousBytes(pid: number): number | undefined {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Tells whether a process that was written down earlier is still that process. Pids are used again; start times are not. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

export const ProcessIdentity = z.object({ pid: z.number().int().positive(), started: z.string() })
export type ProcessIdentity = z.infer<typeof ProcessIdentity>

/** `undefined` if there is no such process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = startOf(pid)
  return started === undefined ? undefined : { pid, started }
}

export function isStill({ pid, started }: ProcessIdentity): boolean {
  return startOf(pid) === started
}

export function isAlive(pid: number): boolean {
  return startOf(pid) !== undefined
}

/** As the process was started, or `undefined` if it is gone. */
export function commandLineOf(pid: number): string | undefined {
  return process.platform === 'linux'
    ? read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ')
    : ask(pid, 'args=')
}

/** Linux: ticks since boot, with the boot's id. Elsewhere: the date that `ps` shows. A zombie counts as gone. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return ask(pid, 'lstart=')
  // "pid (command) state …": the command may hold blanks and brackets, so count from the last bracket.
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ')
  if (fields === undefined || fields[0] === 'Z') return undefined
  return `${read('/proc/sys/kernel/random/boot_id')?.trim()}/${fields[19]}`
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function ask(pid: number, field: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', field, '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}

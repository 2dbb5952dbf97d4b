/** Real processes of the compiled program, as an operator runs them. Knows neither roles nor databases. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../runtime/package-root.ts'

const MAIN = join(packageRoot, 'dist', 'cli', 'main.js')

export interface Program {
  readonly pid: number
  /** Standard output and standard error so far. */
  output(): string
  stdout(): string
  /** What follows the word `ready`. Rejects if the process ends before, with what it said. */
  ready(): Promise<string>
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** To this process alone. */
  signal(signal: NodeJS.Signals): void
  /** To its whole group, as a terminal does. */
  ctrlC(): void
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd: string
}

/** In a process group of its own, with nothing of our environment but the PATH. */
export function run(args: readonly string[], { env = {}, cwd }: RunOptions): Program {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const pid = child.pid as number
  const killWithUs = () => signalTo(child, 'SIGKILL')
  process.once('exit', killWithUs)
  let output = ''
  let stdout = ''
  child.stderr.on('data', (text: Buffer) => {
    output += text
  })
  child.stdout.on('data', (text: Buffer) => {
    output += text
    stdout += text
  })
  const ended = once(child, 'close').then(([code, signal]) => {
    process.removeListener('exit', killWithUs)
    return (code ?? signal) as number | NodeJS.Signals
  })
  return {
    pid,
    output: () => output,
    stdout: () => stdout,
    async ready() {
      for (;;) {
        const what = /^ready (.*)$/m.exec(output)?.[1]
        if (what !== undefined) return what
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`ended before it was ready:\n${output}`)
        }
        await sleep(10)
      }
    },
    ended,
    signal: (signal) => signalTo(child, signal),
    ctrlC: () => void process.kill(-pid, 'SIGINT'),
  }
}

function signalTo(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
}

/** A process and all that it has started, and they in turn. */
export function familyOf(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) throw new Error('this needs /proc')
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentOf(name) }))
  const family = [pid]
  for (const member of family) {
    family.push(...parents.filter(({ parent }) => parent === member).map((child) => child.pid))
  }
  return family
}

/** "pid (command) state ppid …": the command may hold blanks and brackets. */
function parentOf(pid: string): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    )
  } catch {
    return undefined
  }
}

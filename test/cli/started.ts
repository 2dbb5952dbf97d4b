/** Starts the program as a person does, in a process group of its own, and reads what it says. For `start*.test.ts`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/free-port.ts'

const FIXTURE = join(import.meta.dirname, 'fixtures', 'triptick.mjs')

export interface Started {
  readonly process: ChildProcess
  /** Standard output and standard error so far. */
  readonly output: () => string
  /** The address of the `ready` line. */
  ready(): Promise<string>
  /** The exit code, or the signal. */
  ended(): Promise<number | string>
  /** To the whole group, as a terminal does. */
  ctrlC(): void
}

export interface Scene {
  readonly folder: string
  readonly data: string
  journal(): string[]
  start(args?: readonly string[], env?: Record<string, string>): Started
  /** Ends what is still running, with everything it started. */
  end(): Promise<void>
}

export async function createScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'triptick-start-'))
  chmodSync(folder, 0o711)
  const [data, journal] = [join(folder, 'data'), join(folder, 'journal')]
  const port = String(await freePort())
  const all: Started[] = []
  return {
    folder,
    data,
    journal: () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : []),
    start(args = ['start'], env = {}) {
      const started = launch(args, { PORT: port, TRIPTICK_DATA: data, FIXTURE_JOURNAL: journal, ...env })
      all.push(started)
      return started
    },
    async end() {
      for (const { process: child, ended } of all) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
        await ended()
      }
      // A supervisor that a test has killed leaves Postgres to its guard, which takes five seconds.
      while (existsSync(join(data, 'postgres', 'cluster', 'postmaster.pid'))) await sleep(100)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function launch(args: readonly string[], env: Record<string, string>): Started {
  const child = spawn(process.execPath, [FIXTURE, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const exit = once(child, 'exit')
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      output += text.toString()
    })
  }
  return {
    process: child,
    output: () => output,
    async ready() {
      for (;;) {
        const address = /^ready (.*)$/m.exec(output)?.[1]
        if (address !== undefined) return address
        if (child.exitCode !== null) throw new Error(`ended before it was ready:\n${output}`)
        await sleep(20)
      }
    },
    async ended() {
      const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null]
      return code ?? signal ?? 'unknown'
    },
    ctrlC() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    },
  }
}

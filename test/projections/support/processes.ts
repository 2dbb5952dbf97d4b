/** Real processes of the program on a test's database, started and killed one by one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PROGRAM = join(import.meta.dirname, 'triptick.mjs')

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Processes {
  start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ran> }
  run(...args: readonly string[]): Promise<Ran>
  /** Kills what still runs. */
  end(): Promise<void>
}

export function createProcesses(databaseUrl: string): Processes {
  const folder = mkdtempSync(join(tmpdir(), 'triptick-projections-'))
  const all: { child: ChildProcess; ended: Promise<Ran> }[] = []
  const processes: Processes = {
    start(...args) {
      const child = spawn(process.execPath, [PROGRAM, ...args], {
        env: {
          PATH: process.env.PATH,
          DATABASE_URL: databaseUrl,
          TRIPTICK_DATA: join(folder, 'data'),
          TRIPTICK_JWT_SECRET: 'x'.repeat(32),
          TRIPTICK_MASTER_KEY: Buffer.alloc(32).toString('base64'),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const started = { child, ended: ending(child) }
      all.push(started)
      return started
    },
    run: (...args) => processes.start(...args).ended,
    async end() {
      for (const { child, ended } of all) {
        child.kill('SIGKILL')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return processes
}

async function ending(child: ChildProcess): Promise<Ran> {
  let [out, err] = ['', '']
  child.stdout?.on('data', (text: Buffer) => {
    out += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    err += text.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

/** Starts the simulator as a child process. Compiles it first: Node 20 does not run TypeScript. */

import { execFile, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Faults } from './faults.ts'

const SOURCE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const CACHE = join(ROOT, 'node_modules', '.cache', 'triptick')

export interface SimulatorProcess {
  readonly url: string
  readonly pid: number
  /** The faults of the simulator in the child; they take effect when the message arrives. */
  readonly faults: Faults
  /** Stops the process as a frozen machine would, connections left open. `SIGCONT` goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Kills it. The log is in its memory: it is gone. */
  stop(): Promise<void>
}

/** Path of the compiled `main.js`. Compiled once for each state of the sources. */
async function compileSimulator(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of (await readdir(SOURCE)).sort())
    hash.update(file).update(await readFile(join(SOURCE, file)))
  const target = join(CACHE, `simulator-${hash.digest('hex').slice(0, 16)}`)
  const main = join(target, 'main.js')
  if (existsSync(main)) return main
  // Others may be compiling too: each into a folder of its own, and the first to rename wins.
  const own = `${target}-${process.pid}-${Date.now()}`
  await mkdir(own, { recursive: true })
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', join(SOURCE, 'tsconfig.json'), '--outDir', own])
  // Node looks for the kind of a module no further up than `node_modules`.
  await writeFile(join(own, 'package.json'), '{"type":"module"}')
  await rename(own, target).catch(async (error: unknown) => {
    await rm(own, { recursive: true, force: true })
    if (!existsSync(main)) throw error
  })
  return main
}

export async function startSimulatorProcess({ port = 0 } = {}): Promise<SimulatorProcess> {
  const child = fork(await compileSimulator(), [String(port)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { url: string }) => resolve(message.url))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}`)))
  })
  const faults = new Proxy({} as Faults, {
    get:
      (_, fault) =>
      (...args: unknown[]) =>
        void child.send({ fault: String(fault), args }),
  })
  return {
    url,
    pid: child.pid ?? 0,
    faults,
    signal: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

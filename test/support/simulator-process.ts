/** Starts the EventStoreDB simulator as a child process, of the compiled program: Node 20 does not run TypeScript. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../runtime/package-root.ts'
import { buildProgram } from './built-program.ts'
import type { Faults } from './eventstoredb/faults.ts'

const MAIN = join(packageRoot, 'dist', 'test', 'support', 'eventstoredb', 'main.js')

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

export async function startSimulatorProcess({ port = 0 } = {}): Promise<SimulatorProcess> {
  await buildProgram()
  const child = fork(MAIN, [String(port)], {
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

/** Forks the compiled processes of the bench and talks to them. A child ends with its parent (`disconnect`). */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../runtime/package-root.ts'
import { V8_FLAGS } from '../runtime/processes/v8-flags.ts'

export interface BenchChild<Message> {
  readonly pid: number
  /** The next message; rejects if the process ends before. */
  next(): Promise<Message>
  send(message: object): void
  /** Resolves when it is gone. */
  stop(): Promise<void>
}

/** @param program of `dist/bench`, like `relay/main.js`. */
export function forkBenchChild<Message>(program: string, env: NodeJS.ProcessEnv = {}): BenchChild<Message> {
  const child: ChildProcess = fork(join(packageRoot, 'dist', 'bench', program), {
    env: { ...process.env, ...env },
    // As the system: what waits for the collector of a generator is counted as the system's time, and a relay is held against it.
    execArgv: [...process.execArgv, ...V8_FLAGS],
    // A terminal's Ctrl-C is for the parent, which stops its children in order.
    detached: true,
  })
  const messages: Message[] = []
  let wanted: { resolve(message: Message): void; reject(error: Error): void } | undefined
  let ended = false
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true
      wanted?.reject(new Error(`${program} ended with ${signal ?? `code ${code}`}`))
      resolve()
    })
  })
  child.on('message', (message) => {
    if (wanted) wanted.resolve(message as Message)
    else messages.push(message as Message)
    wanted = undefined
  })
  return {
    pid: child.pid ?? 0,
    next: () =>
      new Promise((resolve, reject) => {
        const message = messages.shift()
        if (message !== undefined) resolve(message)
        else if (ended) reject(new Error(`${program} has ended`))
        else wanted = { resolve, reject }
      }),
    send: (message) => {
      if (!ended) child.send(message)
    },
    stop: async () => {
      if (child.connected) child.disconnect()
      child.kill('SIGTERM')
      await gone
    },
  }
}

/**
 * One child process, kept running: forks it, starts it again when it crashes, stops it. Knows nothing of the other children.
 *
 *     loading ── start ──► starting ── ready ──► serving
 *        ▲                     │                    │
 *        │                     ├─── exits ◄─────────┘
 *        └─── after a pause ◄──┤
 *                              └─ 5th crash in a minute, or `failed` ──► given up
 *
 *     any ── stop, kill ──► stopped
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Logger } from '../logging.ts'
import { StartProblem, startProblem } from '../problem.ts'
import { identify, type ProcessIdentity } from '../process-identity.ts'
import { type StartOrder, type ToChild, ToSupervisor } from './messages.ts'
import { V8_FLAGS } from './v8-flags.ts'

const CRASHES_IN_A_MINUTE = 5
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

export interface ChildOptions {
  readonly name: string
  /** Program, and its arguments, that calls `runSupervised`. */
  readonly program: string
  readonly args: readonly string[]
  readonly log: Logger
  /** A process has come. */
  onForked(): void
  /** It serves, for the first time or again. */
  onReady(address: string | undefined): void
  /** It will not be started again. */
  onGivenUp(reason: StartProblem): void
}

export class Child {
  readonly #options: ChildOptions
  #order: StartOrder | undefined
  #process: ChildProcess | undefined
  #identity: ProcessIdentity | undefined
  #pause: NodeJS.Timeout | undefined
  #crashes: number[] = []
  #over = false

  constructor(options: ChildOptions) {
    this.#options = options
    this.#fork()
  }

  /** The process that runs now, if one does. */
  get identity(): ProcessIdentity | undefined {
    return this.#identity
  }

  /** The database is up: begin, and begin by yourself after every crash. */
  start(order: Omit<StartOrder, 'kind'>): void {
    this.#order = { kind: 'start', ...order }
    this.#tell(this.#order)
  }

  /** Asks it to stop, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#end()
    const child = this.#process
    if (child === undefined) return
    const gone = once(child, 'exit')
    this.#tell({ kind: 'stop' })
    await gone
  }

  kill(): void {
    this.#end()
    this.#process?.kill('SIGKILL')
  }

  #end(): void {
    this.#over = true
    clearTimeout(this.#pause)
  }

  #fork(): void {
    const { program, args, onForked } = this.#options
    const child = fork(program, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...V8_FLAGS],
      // A session of its own: a terminal's Ctrl-C is for us, and Linux weighs sessions against each other (`scheduling.ts`).
      detached: true,
    })
    this.#process = child
    this.#identity = child.pid === undefined ? undefined : identify(child.pid)
    child.on('message', (raw) => this.#hear(ToSupervisor.parse(raw)))
    child.on('exit', (code, signal) => this.#gone(signal ?? `code ${code}`))
    // Without a pid it could not even be forked, and no `exit` follows.
    child.on('error', (error) => child.pid === undefined && this.#gone(error.message))
    onForked()
    if (this.#order !== undefined) this.#tell(this.#order)
  }

  #tell(message: ToChild): void {
    // A process that is just going down has no channel any more; its exit tells us the rest.
    if (this.#process?.connected) this.#process.send(message, () => {})
  }

  #hear(message: ToSupervisor): void {
    switch (message.kind) {
      case 'ready':
        this.#options.onReady(message.address)
        break
      case 'failed':
        this.#giveUp(new StartProblem(message.problems, message.exitCode))
        break
      default:
        message satisfies never
    }
  }

  #gone(how: string): void {
    this.#process = undefined
    this.#identity = undefined
    if (this.#over) return
    const { name, log } = this.#options
    const now = performance.now()
    this.#crashes = [...this.#crashes.filter((at) => at > now - 60_000), now]
    const count = this.#crashes.length
    if (count >= CRASHES_IN_A_MINUTE) {
      this.#giveUp(
        startProblem(
          `the ${name} process ended ${count} times within a minute, the last time with ${how}`,
          'Its last words are in the log above; TRIPTICK_LOG_LEVEL=debug makes it say more.',
        ),
      )
      return
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), LONGEST_PAUSE_MS)
    log.error(`the ${name} process ended with ${how}; starting it again in ${pauseMs} ms`)
    this.#pause = setTimeout(() => this.#fork(), pauseMs)
  }

  #giveUp(reason: StartProblem): void {
    this.#end()
    this.#options.onGivenUp(reason)
  }
}

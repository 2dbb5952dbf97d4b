/** Stopping in order and in time. Knows neither what it stops nor why. */
import type { Logger } from './logging.ts'

export interface StopStep {
  readonly name: string
  stop(): Promise<void>
}

/**
 * Runs the steps one after another; a step that fails is logged and the next one follows.
 * Returns false if `limitMs` passed before the last one was done; what is still running is then left to the caller.
 */
export async function stopInOrder(
  steps: readonly StopStep[],
  limitMs: number,
  log: Logger,
): Promise<boolean> {
  return await within(limitMs, runSteps(steps, log))
}

async function runSteps(steps: readonly StopStep[], log: Logger): Promise<void> {
  for (const step of steps) {
    try {
      await step.stop()
      log.debug(`stopped ${step.name}`)
    } catch (error) {
      log.error({ err: error }, `stopping ${step.name} failed`)
    }
  }
}

/** Whether the promise was fulfilled in time. Its failure counts as the end of it. */
export async function within(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs)
  })
  const done = promise.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface StopSignals {
  /** The first signal. */
  readonly first: Promise<NodeJS.Signals>
  /** A second one: the person does not want to wait. */
  readonly second: Promise<NodeJS.Signals>
}

/** `npm start` passes Ctrl-C on to us although the terminal has already sent it: signals this close together are one. */
const SAME_SIGNAL_MS = 300

/** From now on SIGINT, SIGTERM and SIGHUP no longer end this process; whoever calls this must. */
export function listenForStop(): StopSignals {
  const resolvers: ((signal: NodeJS.Signals) => void)[] = []
  const next = () => new Promise<NodeJS.Signals>((resolve) => resolvers.push(resolve))
  const signals = { first: next(), second: next() }
  let last = Number.NEGATIVE_INFINITY
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (performance.now() - last > SAME_SIGNAL_MS) resolvers.shift()?.(name)
      last = performance.now()
    })
  }
  return signals
}

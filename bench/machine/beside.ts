/**
 * What ran beside a bench: the CPU of every process that is not of its family, kernel threads too. A figure without it says little: a
 * kernel thread that keeps one of two cores for 30 ms twice a second uses six hundredths of a core, and makes the p99. Linux only.
 */
import { allProcesses, familyOf } from './processes.ts'

export interface Beside {
  /** Cores, on average over the whole bench; of the processes that were there at its end. */
  readonly cores: number
  /** Who used most of them, at most three, the greatest first. */
  readonly most: readonly { readonly command: string; readonly cores: number }[]
}

/** What is not worth naming, in cores. */
const NOTHING = 0.005

/** Begins to look. @returns what tells what has run beside the family of `root` until it is called. */
export function lookBeside(root: number): () => Beside | undefined {
  if (process.platform !== 'linux') return () => undefined
  const began = performance.now()
  const before = new Map(allProcesses().map(({ pid, cpuSeconds }) => [pid, cpuSeconds]))
  return () => {
    const seconds = (performance.now() - began) / 1000
    const now = allProcesses()
    const family = familyOf(root, now)
    const others = now
      .filter(({ pid }) => !family.has(pid))
      .map(({ pid, command, cpuSeconds }) => ({
        command,
        cores: Math.max(0, cpuSeconds - (before.get(pid) ?? 0)) / seconds,
      }))
      .sort((a, b) => b.cores - a.cores)
    return {
      cores: others.reduce((sum, { cores }) => sum + cores, 0),
      most: others.slice(0, 3).filter(({ cores }) => cores >= NOTHING),
    }
  }
}

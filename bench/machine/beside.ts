/**
 * What ran beside a bench: the CPU of everything that is not of its family, kernel threads too. A figure without it says little: a
 * kernel thread that keeps one of two cores for 30 ms twice a second uses six hundredths of a core, and makes the p99. Linux only.
 */
import { busySeconds, familyOf, readProcesses } from './processes.ts'

export interface Beside {
  /** Cores, on average over the whole bench; also of processes that came and went. */
  readonly cores: number
  /** Of those that were there at its end: who used more than next to nothing, the greatest first. */
  readonly processes: readonly { readonly command: string; readonly cores: number }[]
}

const NEXT_TO_NOTHING = 0.005

/** Begins to look. @returns what tells what has run beside the family of `root` until it is called. */
export function lookBeside(root: number): () => Beside | undefined {
  if (process.platform !== 'linux') return () => undefined
  const look = () => {
    const all = readProcesses()
    const family = familyOf(root, all)
    const own = all.filter(({ pid }) => family.has(pid))
    const others = all.filter(({ pid }) => !family.has(pid))
    const ownSeconds = own.reduce((sum, { cpuSeconds, reapedSeconds }) => sum + cpuSeconds + reapedSeconds, 0)
    return { at: performance.now(), beside: busySeconds() - ownSeconds, others }
  }
  const before = look()
  const secondsBefore = new Map(before.others.map(({ pid, cpuSeconds }) => [pid, cpuSeconds]))
  return () => {
    const now = look()
    const seconds = (now.at - before.at) / 1000
    return {
      cores: Math.max(0, now.beside - before.beside) / seconds,
      processes: now.others
        .map(({ pid, command, cpuSeconds }) => ({
          command,
          cores: Math.max(0, cpuSeconds - (secondsBefore.get(pid) ?? 0)) / seconds,
        }))
        .filter(({ cores }) => cores >= NEXT_TO_NOTHING)
        .sort((a, b) => b.cores - a.cores),
    }
  }
}

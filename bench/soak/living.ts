/** Looks several times at what lives in a process while it works. Judges nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from '../machine/collect.ts'
import { type ProcessKind, processUnder } from '../machine/processes.ts'
import type { Sample } from './slope.ts'

export interface Living {
  readonly samples: readonly Sample[]
  /** What kept it from looking as often as it was asked to. */
  readonly failure?: Error
}

/**
 * @param root whose children are the system; they listen for the collection (`collect-when-told`): four times 35 to 88 ms within 3 s,
 *   in which the process stands still.
 * @param atSeconds from now, rising.
 * @param signal ends it early.
 */
export async function lookAtLiving(
  root: number,
  kind: ProcessKind,
  atSeconds: readonly number[],
  signal: AbortSignal,
): Promise<Living> {
  const began = performance.now()
  const pid = processUnder(root, kind)
  const samples: Sample[] = []
  try {
    for (const second of atSeconds) {
      await sleep(Math.max(0, second * 1000 - (performance.now() - began)), undefined, { signal })
      if (pid === undefined || processUnder(root, kind) !== pid)
        throw new Error('the process is not there, or is another')
      const { living } = await memoryOf(pid, signal)
      samples.push({ hours: (performance.now() - began) / 3_600_000, bytes: living })
    }
    return { samples }
  } catch (error) {
    return { samples, failure: error as Error }
  }
}

/** What lives in a process while it works, twice, the second time at the end: of what is kept of each message that shows all, and nothing else. */
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf } from '../machine/collect.ts'
import { processUnder } from '../machine/processes.ts'
import type { Sample } from './slope.ts'

/** Of the processes whose memory V8 collects: a sample when they are warm, and one at the end; none where there is no /proc. */
export interface Living {
  readonly api: readonly Sample[]
  readonly background: readonly Sample[]
}

/** Before the end, when people still write: a look, with its collections of 40 to 90 ms, takes 3 s. */
const LAST_LOOKS_SECONDS = 10

/**
 * @param root whose children are the system; they listen for the collection (`collect-when-told`).
 * @throws if one does not answer, or `signal` is aborted.
 */
export async function livingTwice(
  root: number,
  { warmSeconds, seconds }: { readonly warmSeconds: number; readonly seconds: number },
  signal: AbortSignal,
): Promise<Living> {
  const began = performance.now()
  const until = (second: number) =>
    sleep(Math.max(0, second * 1000 - (performance.now() - began)), undefined, { signal })
  const look = async (kind: keyof Living): Promise<Sample[]> => {
    const pid = processUnder(root, kind)
    if (pid === undefined) return []
    const { living } = await memoryOf(pid)
    return [{ hours: (performance.now() - began) / 3_600_000, bytes: living }]
  }

  await until(warmSeconds)
  const warm = { api: await look('api'), background: await look('background') }
  await until(seconds - LAST_LOOKS_SECONDS)
  return {
    api: [...warm.api, ...(await look('api'))],
    background: [...warm.background, ...(await look('background'))],
  }
}

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

/** Before the end, when people still write: a collection and its answer take 3 s. */
const LAST_LOOK_SECONDS = 10

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
  const lookAtBoth = () => Promise.all([look('api'), look('background')])

  await until(warmSeconds)
  const [warmApi, warmBackground] = await lookAtBoth()
  await until(seconds - LAST_LOOK_SECONDS)
  const [api, background] = await lookAtBoth()
  return { api: [...warmApi, ...api], background: [...warmBackground, ...background] }
}

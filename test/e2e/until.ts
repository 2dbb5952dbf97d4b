/** Waiting for something to become true. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Rejects after `withinMs` with what was waited for, and what was there instead. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  { withinMs = 15_000, instead = () => '' as unknown }: { withinMs?: number; instead?: () => unknown } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await isTrue())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs / 1000} s: ${what}; ${JSON.stringify(instead())}`)
    }
    await sleep(20)
  }
}

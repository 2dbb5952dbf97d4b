/** Runs the checks, a few at a time, and tells of each as it ends. Prints nothing itself. */
import { CannotCheck } from './cannot-check.ts'
import type { Area, Check } from './check.ts'
import { createStage, type StageOptions } from './stage.ts'

export type Outcome = 'kept' | 'broken' | 'not checked'

export interface Result {
  readonly area: string
  readonly promise: string
  readonly outcome: Outcome
  readonly ms: number
  /** Why it is not `kept`. */
  readonly why?: string
}

/** Each has people of its own, so they do not meet. */
const AT_ONCE = 6

/** @param interrupted from then on none begins, and those under way are not told of: their system may be going down. */
export async function runChecks(
  areas: readonly Area[],
  options: StageOptions,
  onResult: (result: Result) => void,
  interrupted: AbortSignal,
): Promise<readonly Result[]> {
  const queue = areas.flatMap(({ area, checks }) => checks.map((check) => ({ area, check })))
  const results: Result[] = []
  const work = async () => {
    for (let next = queue.shift(); next && !interrupted.aborted; next = queue.shift()) {
      const result = await runOne(next.area, next.check, options)
      if (interrupted.aborted) return
      results.push(result)
      onResult(result)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

async function runOne(area: string, { promise, run }: Check, options: StageOptions): Promise<Result> {
  const start = performance.now()
  const { stage, clear } = createStage(options)
  const result = (outcome: Outcome, why?: string): Result => {
    const ms = Math.round(performance.now() - start)
    return { area, promise, outcome, ms, ...(why === undefined ? {} : { why }) }
  }
  try {
    await run(stage)
    return result('kept')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return result(error instanceof CannotCheck ? 'not checked' : 'broken', why)
  } finally {
    clear()
  }
}

/** What a place does between two jobs. What becomes of jobs is tested on real stores (`suite.ts`). */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createMetrics } from '../../../runtime/metrics.ts'
import type { AttemptResult } from '../../../workers/delivery/attempt.ts'
import { startDeliveryWorker } from '../../../workers/delivery/delivery-worker.ts'
import { createDeliveryMetrics } from '../../../workers/delivery/metrics.ts'
import { MAX_PLACE_REST_MS } from '../../../workers/delivery/settings.ts'
import type { JobStore } from '../../../workers/job-store.ts'
import { log, QUICK, user } from './kit.ts'

const ATTEMPT_MS = 50
/** A timer may fire a moment early, and a rest is that of what was measured. */
const EARLY = 0.9

/** Runs jobs as BullMQ does, so many at once; resolves with when each attempt began, in milliseconds. */
async function attemptsOf(
  jobs: number,
  { placeRest, concurrency }: { placeRest: number; concurrency: number },
  outcome: () => AttemptResult = () => ({ kind: 'delivered' }),
): Promise<readonly number[]> {
  const began: number[] = []
  let run: ((job: { data: unknown }) => Promise<void>) | undefined
  const worker = (_name: string, processor: unknown) => {
    run = processor as typeof run
    return { on: () => {} }
  }
  startDeliveryWorker({
    store: { worker } as unknown as Pick<JobStore, 'worker'>,
    attempt: async () => {
      began.push(performance.now())
      await sleep(ATTEMPT_MS)
      return outcome()
    },
    settings: { ...QUICK, placeRest, concurrency },
    metrics: createDeliveryMetrics(createMetrics('test')),
    log,
  })
  let left = jobs
  const takeJobs = async () => {
    while (left-- > 0) await run?.({ data: { userId: user('ben') } }).catch(() => {})
  }
  await Promise.all(Array.from({ length: concurrency }, takeJobs))
  expect(began).toHaveLength(jobs)
  return began
}

const pauses = (began: readonly number[]) => began.slice(1).map((at, index) => at - (began[index] as number))

test('a place rests so many times as long as its job took, and the first job of each waits for nothing', async () => {
  const began = await attemptsOf(6, { placeRest: 4, concurrency: 2 })
  const [first, second] = [began.filter((_, index) => index % 2 === 0), began.filter((_, i) => i % 2 === 1)]
  for (const pause of [...pauses(first), ...pauses(second)])
    expect(pause).toBeGreaterThan(5 * ATTEMPT_MS * EARLY)
  expect((began[1] as number) - (began[0] as number)).toBeLessThan(ATTEMPT_MS)
})

test('… also after a job that is to come again, or has failed', async () => {
  const again = await attemptsOf(2, { placeRest: 2, concurrency: 1 }, () => ({
    kind: 'again',
    inMs: 1,
    why: 'offline',
  }))
  const failed = await attemptsOf(2, { placeRest: 2, concurrency: 1 }, () => {
    throw new Error('the database is away')
  })
  for (const pause of [...pauses(again), ...pauses(failed)])
    expect(pause).toBeGreaterThan(3 * ATTEMPT_MS * EARLY)
})

test('… but never longer than a fraction of a second', async () => {
  const [pause = 0] = pauses(await attemptsOf(2, { placeRest: 1_000_000, concurrency: 1 }))
  expect(pause).toBeGreaterThan(MAX_PLACE_REST_MS * EARLY)
  expect(pause).toBeLessThan(10 * MAX_PLACE_REST_MS)
})

/**
 * The BullMQ worker of the delivery queue: runs attempts and says in BullMQ's words what became of them. Keeps no timer
 * but the rests of its places.
 *
 * - delivered: the job completes and is gone.
 * - again: the job fails with `NotYet`, and BullMQ delays its next try for as long as that says.
 * - exhausted: the job fails for good, and is kept as the sign that this person was given up.
 * - anything thrown (database away, a bug): as `again`, without an attempt in the ledger.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { UnrecoverableError } from 'bullmq'
import { reportWarnings } from '../../runtime/calm-report.ts'
import type { Logger } from '../../runtime/logging.ts'
import type { JobStore } from '../job-store.ts'
import type { AttemptResult } from './attempt.ts'
import { DELIVERY_QUEUE, type DeliveryJob } from './delivery-queue.ts'
import type { DeliveryMetrics } from './metrics.ts'
import { backoffMs, type DeliverySettings, MAX_PLACE_REST_MS } from './settings.ts'

export interface DeliveryWorkerDeps {
  readonly store: Pick<JobStore, 'worker'>
  readonly attempt: (userId: DeliveryJob['userId']) => Promise<AttemptResult>
  readonly settings: DeliverySettings
  readonly metrics: DeliveryMetrics
  readonly log: Logger
}

class NotYet extends Error {
  override readonly name = 'NotYet'
  readonly inMs: number

  constructor(why: string, inMs: number) {
    super(why)
    this.inMs = inMs
  }
}

export function startDeliveryWorker({ store, attempt, settings, metrics, log }: DeliveryWorkerDeps): void {
  const { backoff, concurrency, placeRest, lockMs, stalledMs } = settings

  /** Until when each place that is free rests, the soonest first. */
  const resting = Array.from({ length: concurrency }, () => 0)

  // The rest comes before a job and not after it: a job that has looked, and still counts as running, would keep a message that comes
  // just then from getting one.
  const run = async ({ data }: { data: DeliveryJob }): Promise<void> => {
    const restMs = (resting.shift() ?? 0) - performance.now()
    if (restMs > 0) await sleep(restMs)
    const since = performance.now()
    try {
      await tryOnce(data)
    } finally {
      const now = performance.now()
      resting.push(now + Math.min(MAX_PLACE_REST_MS, (now - since) * placeRest))
      resting.sort((one, other) => one - other)
    }
  }

  const reportFailure = reportWarnings(log, 'a delivery attempt could not be made')

  const tryOnce = async (data: DeliveryJob): Promise<void> => {
    const since = performance.now()
    const done = (kind: AttemptResult['kind'] | 'error') =>
      metrics.tried(kind, (performance.now() - since) / 1000)
    const result = await attempt(data.userId).catch((error: unknown) => {
      done('error')
      reportFailure(error, { userId: data.userId })
      throw error
    })
    done(result.kind)
    switch (result.kind) {
      case 'delivered':
        return
      case 'again':
        throw new NotYet(result.why, result.inMs)
      case 'exhausted':
        throw new UnrecoverableError(`given up after ${result.attempts} attempts`)
      default:
        return result satisfies never
    }
  }

  const worker = store.worker<DeliveryJob>(DELIVERY_QUEUE, run, {
    concurrency,
    lockDuration: lockMs,
    stalledInterval: stalledMs,
    // A run is harmless to repeat: processes that die in the middle must not make a person look given up.
    maxStalledCount: 1_000,
    settings: {
      backoffStrategy: (tries, _type, error) =>
        error instanceof NotYet ? error.inMs : backoffMs(backoff, Math.min(tries, 6)),
    },
  })
  worker.on('stalled', (jobId) =>
    log.info({ jobId }, 'a delivery job was taken up again after its worker went silent'),
  )
}

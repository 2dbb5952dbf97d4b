/**
 * Gives everybody who waits, and has no job, a job: at the start, once more when the reactor has surely taken over, when the
 * job store was away, and every few minutes. So jobs are never worth keeping: an emptied store is full again after a while.
 */
import type { Millis, UserId } from '../../domain/ids.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Logger } from '../../runtime/logging.ts'
import type { DeliveryQueue } from './delivery-queue.ts'
import type { DeliverySettings } from './settings.ts'
import type { Undelivered } from './undelivered.ts'

export interface ReconcilerDeps {
  readonly ledger: Pick<Ledger, 'head'>
  readonly undelivered: Pick<Undelivered, 'people' | 'waitFor'>
  readonly queue: Pick<DeliveryQueue, 'ensured'>
  readonly settings: Pick<DeliverySettings, 'graceMs' | 'reconcileMs'>
  readonly log: Logger
}

const PAGE = 500
const PROJECTION_PATIENCE_MS = 3_000
/** After a failure; at the very first start the read models may not even be there. */
const AGAIN_MS = 5_000

export interface Reconciler {
  /** The jobs may be gone: as at the start. */
  startOver(): void
  stop(): Promise<void>
}

export function startReconciler({ ledger, undelivered, queue, settings, log }: ReconcilerDeps): Reconciler {
  let stopped = false
  let isRunning = false
  let startsOver = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function reconcile(): Promise<void> {
    // 1. What happened before now is in the read models; if they are far behind, what is there is a beginning.
    await undelivered.waitFor(await ledger.head(), PROJECTION_PATIENCE_MS)
    // 2. Page by page, a job for everybody.
    const olderThan = (Date.now() - settings.graceMs) as Millis
    let afterUserId: UserId | undefined
    let people = 0
    do {
      const page = await undelivered.people({
        olderThan,
        limit: PAGE,
        ...(afterUserId === undefined ? {} : { afterUserId }),
      })
      await queue.ensured(page)
      people += page.length
      afterUserId = page.length < PAGE ? undefined : page.at(-1)?.userId
    } while (afterUserId !== undefined && !stopped)
    log.debug({ people }, 'everybody who waits has a delivery job')
  }

  function schedule(inMs: number, round: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      isRunning = true
      startsOver = false
      running = reconcile().then(
        // A message shortly before the start is too young for the first round and too old for the reactor.
        () => next(round === 0 ? 2 * settings.graceMs : settings.reconcileMs, round + 1),
        (error: unknown) => {
          log.warn({ err: error }, 'people who wait could not be found; trying again')
          next(Math.min(AGAIN_MS, settings.reconcileMs), round)
        },
      )
    }, inMs)
  }

  function next(inMs: number, round: number): void {
    isRunning = false
    if (startsOver) schedule(0, 0)
    else schedule(inMs, round)
  }

  schedule(0, 0)
  return {
    startOver() {
      startsOver = true
      if (isRunning) return
      clearTimeout(timer)
      schedule(0, 0)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}

/**
 * Delivery, put together: the reactor and the reconciler find people who wait, the queue holds one job for each, and the
 * worker tries until the message has arrived (design, section 6). Owns none of what it is given.
 */
import type { Ledger } from '../../ledger/ledger.ts'
import type { Logger } from '../../runtime/logging.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { JobStore } from '../job-store.ts'
import { attemptDelivery } from './attempt.ts'
import type { Channel } from './channel.ts'
import { createDeliveryQueue } from './delivery-queue.ts'
import { startDeliveryWorker } from './delivery-worker.ts'
import { createDeliveryMetrics } from './metrics.ts'
import { startReactor } from './reactor.ts'
import { startReconciler } from './reconciler.ts'
import type { Recorder } from './recorder.ts'
import type { DeliverySettings } from './settings.ts'
import type { Undelivered } from './undelivered.ts'

export interface DeliveryDeps {
  readonly store: JobStore
  readonly ledger: Pick<Ledger, 'subscribe' | 'head'>
  readonly undelivered: Undelivered
  readonly recorder: Recorder
  /** In the order in which they are tried. */
  readonly channels: readonly Channel[]
  readonly settings: DeliverySettings
  readonly metrics: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>
  readonly log: Logger
}

const COUNT_EVERY_MS = 15_000

/** `stop` ends what finds people; jobs under way end when the store closes. */
export function startDelivery(deps: DeliveryDeps): { stop(): Promise<void> } {
  const { store, undelivered, recorder, channels, settings, log } = deps
  const metrics = createDeliveryMetrics(deps.metrics)
  const queue = createDeliveryQueue({ store, channels, settings })
  startDeliveryWorker({
    store,
    settings,
    metrics,
    log,
    attempt: (userId) =>
      attemptDelivery(userId, {
        undelivered,
        channels,
        recorder,
        settings,
        onPush: metrics.pushed,
        onUnrecorded: (conversationId, err) =>
          log.warn(
            { err, conversationId, userId },
            'a delivery attempt could not be recorded in a conversation',
          ),
      }),
  })
  const reactor = startReactor({ ...deps, queue })
  const reconciler = startReconciler({ ...deps, queue })
  store.onBack(reconciler.startOver)
  const count = () =>
    queue.counts().then(metrics.jobs, (error: unknown) => log.debug({ err: error }, 'not counted'))
  void count()
  const counting = setInterval(count, COUNT_EVERY_MS)
  return {
    async stop() {
      clearInterval(counting)
      await Promise.all([reactor.stop(), reconciler.stop()])
    },
  }
}

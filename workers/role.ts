/** The workers role: composes what delivery and retention need, and takes it down in the order that loses nothing. */
import { createCommandHandler } from '../ledger/handle-command.ts'
import { isOfConflicts } from '../ledger/mailbox/still-in-conflict.ts'
import { openLedger } from '../ledger/open.ts'
import { createContentKeys } from '../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../ledger/snapshots.ts'
import { createTemporaryBodies } from '../ledger/temporary-bodies.ts'
import { createPatientWaiter } from '../projections/queries/projection-waiter.ts'
import { undeliveredIn, undeliveredOf, undeliveredPeople } from '../projections/queries/undelivered.ts'
import { createAsker } from '../runtime/bus/ask.ts'
import { openBus } from '../runtime/bus/open.ts'
import { reportErrors, reportWarnings } from '../runtime/calm-report.ts'
import { createPool } from '../runtime/postgres.ts'
import type { StartRole } from '../runtime/role.ts'
import { openSessionDirectory } from '../runtime/sessions/open.ts'
import { startDelivery } from './delivery/delivery.ts'
import { createRecorder } from './delivery/recorder.ts'
import { DEFAULT_DELIVERY, ON_POSTGRES } from './delivery/settings.ts'
import { createSocketChannel } from './delivery/socket-channel.ts'
import { openJobStore } from './job-store.ts'
import { reportExpired } from './retention/report-expired.ts'
import { startRetention } from './retention/retention.ts'
import { DEFAULT_RETENTION } from './retention/settings.ts'

export const startWorkers: StartRole = async ({ config, log, metrics }) => {
  const { databaseUrl, ledgerUrl, redisUrl, node } = config
  const settings = {
    ...DEFAULT_DELIVERY,
    graceMs: config.deliveryGraceMs,
    ...(config.redisUrl === undefined ? ON_POSTGRES : {}),
  }
  const opened: (() => Promise<unknown>)[] = []
  /** Last opened, first closed; one that fails does not keep the others open. */
  async function stop(): Promise<void> {
    for (const close of opened.splice(0).reverse()) {
      await close().catch((error: unknown) => log.warn({ err: error }, 'a part of the workers did not close'))
    }
  }

  try {
    const pool = createPool({ url: databaseUrl, name: 'triptick-workers', log })
    opened.push(() => pool.end())
    const ledger = await openLedger({ ledgerUrl, databaseUrl, pool, log })
    opened.push(() => ledger.close())
    const bus = await openBus({ databaseUrl, redisUrl, masterKey: config.masterKey, node, log })
    opened.push(() => bus.close())
    const asker = await createAsker(bus)
    opened.push(() => asker.close())
    // Without a name: workers hold no sessions, and may share their node's name with its api.
    const directory = await openSessionDirectory({ databaseUrl, redisUrl, bus, log })
    opened.push(() => directory.close())
    const reportUntold = reportWarnings(log, 'nobody was told of expired messages')
    const handler = createCommandHandler({
      ledger,
      snapshots: createSnapshots(pool),
      contentKeys: createContentKeys(pool, config.masterKey),
      temporaryBodies: createTemporaryBodies(pool),
      node,
      findMessage: () => Promise.reject(new Error('the workers change no messages')),
      onCommitted: (committed) => {
        reportExpired({ bus, directory }, committed).catch(reportUntold)
      },
      report: reportErrors(log, 'command handling met an error', isOfConflicts),
    })
    opened.push(() => handler.drained())
    const store = await openJobStore({ redisUrl, databaseUrl, log, concurrency: settings.concurrency })
    opened.push(() => store.close())

    const { waitFor } = createPatientWaiter(pool)
    const delivery = startDelivery({
      store,
      ledger,
      undelivered: {
        people: (page) => undeliveredPeople(pool, page),
        in: (conversationIds, olderThan) => undeliveredIn(pool, conversationIds, olderThan),
        of: (userId) => undeliveredOf(pool, userId),
        waitFor,
      },
      recorder: createRecorder(handler),
      channels: [createSocketChannel({ directory, asker, timeoutMs: settings.nudgeTimeoutMs })],
      settings,
      metrics,
      log,
    })
    opened.push(() => delivery.stop())
    const retention = startRetention({ pool, handler, settings: DEFAULT_RETENTION, metrics, log })
    opened.push(() => retention.stop())
    return { stop }
  } catch (error) {
    await stop()
    throw error
  }
}

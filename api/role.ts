/** The api role: composes ledger, command handling, gateway and routes, and takes them down in the order that loses nothing. */
import { createCommandHandler } from '../ledger/handle-command.ts'
import type { Committed } from '../ledger/mailbox/contract.ts'
import { isOfConflicts } from '../ledger/mailbox/still-in-conflict.ts'
import { measureAppends } from '../ledger/measured-ledger.ts'
import { openLedger } from '../ledger/open.ts'
import { createBlindLexemes } from '../ledger/sealing/blind-lexemes.ts'
import { createContentKeys } from '../ledger/sealing/content-keys.ts'
import { createSnapshots } from '../ledger/snapshots.ts'
import { createTemporaryBodies } from '../ledger/temporary-bodies.ts'
import { findMessage } from '../projections/queries/find-message.ts'
import { createIndexWaiter, createProjectionWaiter } from '../projections/queries/projection-waiter.ts'
import { indexedPosition } from '../projections/queries/search-candidates.ts'
import { openBus } from '../runtime/bus/open.ts'
import { reportErrors } from '../runtime/calm-report.ts'
import { hasAccounts } from '../runtime/config.ts'
import { createPool } from '../runtime/postgres.ts'
import { createPostgresAnswers } from '../runtime/postgres-answers.ts'
import type { StartRole } from '../runtime/role.ts'
import { openSessionDirectory } from '../runtime/sessions/open.ts'
import { createAccounts } from './accounts/accounts.ts'
import type { Login } from './accounts/logins.ts'
import { followKeySet } from './auth/key-set.ts'
import { createTickets } from './auth/tickets.ts'
import { createTokenVerifier } from './auth/verify-token.ts'
import type { ApiDeps } from './deps.ts'
import { createGateway } from './gateway/gateway.ts'
import { createLoad } from './load/load.ts'
import { createRateLimits } from './rate-limits/rate-limits.ts'
import { createServer } from './server.ts'

/** How long a command waits for the read models before a forgotten message is looked up in them. */
const LOOK_UP_PATIENCE_MS = 5_000
/** How often tickets, log-ins and attempts that are over are removed. */
const SWEEP_MS = 60_000

export const startApi: StartRole = async ({ config, log, metrics }) => {
  const { databaseUrl, ledgerUrl, redisUrl, node } = config
  const report = reportErrors(log, 'the api met an error', isOfConflicts)
  // Postgres prefers plans of their own for some values, and made one for each search in 3 ms.
  const pool = createPool({ url: databaseUrl, name: 'triptick-api', log, plannedOnce: true, durable: true })
  const ledger = measureAppends(await openLedger({ ledgerUrl, databaseUrl, pool, log }), metrics)
  const bus = await openBus({ databaseUrl, redisUrl, masterKey: config.masterKey, node, log })
  const directory = await openSessionDirectory({ databaseUrl, redisUrl, node, bus, log })
  const waiter = createProjectionWaiter(pool)
  const contentKeys = createContentKeys(pool, config.masterKey)

  let committed: (facts: Committed) => void = () => {}
  const handler = createCommandHandler({
    ledger,
    snapshots: createSnapshots(pool),
    contentKeys,
    temporaryBodies: createTemporaryBodies(pool),
    node,
    findMessage: async (conversationId, messageId, upTo) => {
      if (await waiter.waitFor(upTo, LOOK_UP_PATIENCE_MS)) return findMessage(pool, conversationId, messageId)
      throw new Error('the read models are behind: an old message cannot be looked up')
    },
    onCommitted: (facts) => committed(facts),
    report,
  })
  const provider = config.jwksUrl === undefined ? undefined : followKeySet(config.jwksUrl, log)
  const tickets = createTickets(pool)
  let loggedOut: (login: Login) => void = () => {}
  const accounts = hasAccounts(config)
    ? createAccounts({ pool, signing: config, log, onEnded: (login) => loggedOut(login) })
    : undefined
  const deps: ApiDeps = {
    node,
    log,
    metrics,
    pool,
    databaseAnswers: createPostgresAnswers(databaseUrl),
    ledger,
    handler,
    contentKeys,
    waiter,
    search: config.search
      ? {
          lexemes: createBlindLexemes(config.masterKey),
          waiter: createIndexWaiter(pool, indexedPosition),
        }
      : undefined,
    verifyToken: createTokenVerifier(config, provider),
    tickets,
    accounts,
    origins: config,
    load: createLoad(metrics),
    rateLimits: createRateLimits(config),
    rateSocket: config.rateSocket,
    trustedProxies: config.trustedProxies,
  }
  const gateway = await createGateway({ ...deps, bus, directory, advertiseUrl: config.advertiseUrl })
  committed = gateway.committed
  loggedOut = gateway.loggedOut
  const app = await createServer(deps, gateway)
  const sweeping = setInterval(() => {
    tickets.sweep().catch(report)
    accounts?.sweep().catch(report)
  }, SWEEP_MS)

  async function stop(): Promise<void> {
    clearInterval(sweeping)
    provider?.close()
    // 1. Nobody new, and what was asked is answered before its socket closes.
    app.server.close()
    await gateway.released()
    await handler.drained()
    await gateway.disconnect()
    await app.close()
    // 2. What those answers caused is on its way.
    await handler.drained()
    await gateway.close()
    // 3. The parts underneath.
    deps.load.close()
    await directory.close()
    await bus.close()
    await ledger.close()
    await pool.end()
  }

  try {
    const address = await app.listen({ host: config.host, port: config.port })
    return { address, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

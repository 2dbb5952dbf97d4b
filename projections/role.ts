/** The role `projections`: one engine on `read`, and the follower of the search index beside it. Answers no queries. */
import type pg from 'pg'
import type { Ledger } from '../ledger/ledger.ts'
import { openLedger } from '../ledger/open.ts'
import { createBlindLexemes } from '../ledger/sealing/blind-lexemes.ts'
import { createContentKeys } from '../ledger/sealing/content-keys.ts'
import { createPool } from '../runtime/postgres.ts'
import { startProblem } from '../runtime/problem.ts'
import type { RoleContext, StartRole } from '../runtime/role.ts'
import { startEngine } from './engine/engine.ts'
import { createEngineMetrics } from './engine/engine-metrics.ts'
import { LIVE_SETTINGS } from './engine/settings.ts'
import { createReadSchema, READ_MODEL_VERSION } from './schema.ts'
import { startSearchFollower } from './search/follower.ts'
import { emptyIndex } from './search/write-index.ts'

/** Ready as soon as the read models exist in this program's version. A second process is a standby, and ready too. */
export const startProjections: StartRole = async (context) => {
  const { config, log, metrics } = context
  const { databaseUrl, ledgerUrl } = config
  const pool = createPool({
    url: databaseUrl,
    name: 'triptick projections',
    log,
    max: 4,
    goesAfterOthers: true,
  })
  try {
    await ensureReadModels(pool)
    const ledger = await openLedger({ ledgerUrl, databaseUrl, pool, log })
    const engine = startEngine({
      databaseUrl,
      ledger,
      log,
      schema: 'read',
      settings: LIVE_SETTINGS,
      metrics: createEngineMetrics(metrics),
    })
    engine.finished.catch(endProcess)
    const follower = config.search ? startFollower(context, pool, ledger) : undefined
    if (!config.search) await emptyIndex(pool)
    return {
      async stop() {
        await Promise.all([engine.stop(), follower?.stop()])
        await ledger.close()
        await pool.end()
      },
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}

function startFollower(
  { config, log }: RoleContext,
  pool: pg.Pool,
  ledger: Ledger,
): ReturnType<typeof startSearchFollower> {
  const { databaseUrl, masterKey } = config
  return startSearchFollower({
    databaseUrl,
    pool,
    ledger,
    log,
    lexemes: createBlindLexemes(masterKey),
    contentKeys: createContentKeys(pool, masterKey),
  })
}

async function ensureReadModels(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  // Closed if it fails: one that does not answer would be the next one's.
  const { version } = await createReadSchema(client, 'read', LIVE_SETTINGS.lanes).catch((error: unknown) => {
    client.release(true)
    throw error
  })
  client.release()
  if (version === READ_MODEL_VERSION) return
  throw startProblem(
    `The read models are of version ${version}, this program needs version ${READ_MODEL_VERSION}.`,
    'Run `npx triptick rebuild`: it builds the new ones from the ledger while the program of the old version goes on.',
  )
}

/** Thrown where nobody catches: the process ends, and its supervisor starts it again (`runtime/role.ts`). */
function endProcess(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}

/** The role `projections`: one engine on `read`, with its own pool and ledger. Answers no queries. */
import type pg from 'pg'
import { openLedger } from '../ledger/open.ts'
import { createPool } from '../runtime/postgres.ts'
import { startProblem } from '../runtime/problem.ts'
import type { StartRole } from '../runtime/role.ts'
import { startEngine } from './engine/engine.ts'
import { createEngineMetrics } from './engine/engine-metrics.ts'
import { LIVE_SETTINGS } from './engine/settings.ts'
import { createReadSchema, READ_MODEL_VERSION } from './schema.ts'

/** Ready as soon as the read models exist in this program's version. A second process is a standby, and ready too. */
export const startProjections: StartRole = async ({ config, log, metrics }) => {
  const { databaseUrl, ledgerUrl } = config
  const pool = createPool({ url: databaseUrl, name: 'triptick projections', log, max: 4 })
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
    return {
      async stop() {
        await engine.stop()
        await ledger.close()
        await pool.end()
      },
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}

async function ensureReadModels(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    const { version } = await createReadSchema(client, 'read', LIVE_SETTINGS.lanes)
    if (version === READ_MODEL_VERSION) return
    throw startProblem(
      `The read models are of version ${version}, this program needs version ${READ_MODEL_VERSION}.`,
      'Run `triptick rebuild`: it builds the new ones from the ledger while the program of the old version goes on.',
    )
  } finally {
    client.release()
  }
}

/** Thrown where nobody catches: the process ends, and its supervisor starts it again (`runtime/role.ts`). */
function endProcess(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}

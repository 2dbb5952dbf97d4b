/** A database and engines on it, for one test file. */
import pg from 'pg'
import type { Ledger, Position } from '../../../ledger/ledger.ts'
import { type Engine, type EngineDeps, startEngine } from '../../../projections/engine/engine.ts'
import { type EngineSettings, LIVE_SETTINGS } from '../../../projections/engine/settings.ts'
import type { ReadSchema } from '../../../projections/schema.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createTestDatabase } from '../../support/postgres.ts'

export interface World {
  readonly url: string
  readonly pool: pg.Pool
  start(
    ledger: Ledger,
    options?: Partial<Omit<EngineDeps, 'settings'>> & { readonly settings?: Partial<EngineSettings> },
  ): Engine
  /** Runs an engine until everything that is in the ledger is projected, and stops it. */
  project(
    ledger: Ledger,
    options?: Partial<Omit<EngineDeps, 'settings'>> & { readonly settings?: Partial<EngineSettings> },
  ): Promise<void>
  /** Stops all engines, and removes what they have built. */
  clear(): Promise<void>
  end(): Promise<void>
}

export const quiet = createLogger({ level: 'silent', process: 'test' })

export async function createWorld(kind: 'migrated' | 'empty' = 'empty'): Promise<World> {
  const database = await createTestDatabase(kind)
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})

  const engines = new Set<Engine>()
  const start: World['start'] = (ledger, { settings, ...options } = {}) => {
    const engine = startEngine({
      databaseUrl: database.url,
      ledger,
      log: quiet,
      schema: 'read',
      ...options,
      settings: { ...LIVE_SETTINGS, windowMs: 0, paceMs: 0, ...settings },
    })
    engines.add(engine)
    return engine
  }
  /** Of a test that failed: one that still held the lock would fail those that follow. */
  async function stopAll(): Promise<void> {
    await Promise.all([...engines].map((engine) => engine.stop()))
    engines.clear()
  }

  return {
    url: database.url,
    pool,
    start,
    async project(ledger, options = {}) {
      let reached = () => {}
      const caughtUp = new Promise<void>((resolve) => {
        reached = resolve
      })
      const head = await ledger.head()
      const engine = start(ledger, {
        ...options,
        onProgress: (progress) => {
          options.onProgress?.(progress)
          if (progress.caughtUp && (progress.position >= head || progress.events === 0)) reached()
        },
      })
      await Promise.race([caughtUp, engine.finished])
      await engine.stop()
      await engine.finished
    },
    async clear() {
      await stopAll()
      await pool.query(
        'DROP SCHEMA IF EXISTS read CASCADE; DROP SCHEMA IF EXISTS read_next CASCADE; DROP SCHEMA IF EXISTS read_previous CASCADE',
      )
    },
    async end() {
      await stopAll()
      await pool.end()
      await database.drop()
    },
  }
}

/** Waits until an engine somewhere has projected everything up to `position`. */
export async function projected(
  pool: pg.Pool,
  position: Position,
  schema: ReadSchema = 'read',
  withinMs = 10_000,
): Promise<void> {
  const until = Date.now() + withinMs
  for (;;) {
    const reached = await reachedBy(pool, schema)
    if (reached >= position) return
    if (Date.now() > until)
      throw new Error(`only ${reached} of ${position} was projected within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** -1 while there is no such schema. */
async function reachedBy(pool: pg.Pool, schema: ReadSchema): Promise<bigint> {
  const exists = await pool.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    `${schema}.checkpoints`,
  ])
  if (!exists.rows[0]?.found) return -1n
  const { rows } = await pool.query<{ position: string | null }>(
    `SELECT min(position) AS position FROM ${schema}.checkpoints`,
  )
  return BigInt(rows[0]?.position ?? -1)
}

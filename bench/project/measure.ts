/** Measures how fast the read models follow the ledger: live from zero, rebuilt beside it, and a bare read as the reference. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createPostgresLedger } from '../../ledger/postgres/ledger.ts'
import { CONVERSATION_PREFIXES } from '../../ledger/streams.ts'
import { startEngine } from '../../projections/engine/engine.ts'
import { LIVE_SETTINGS } from '../../projections/engine/settings.ts'
import { projectedPosition } from '../../projections/queries/projected-position.ts'
import { rebuild } from '../../projections/rebuild/rebuild.ts'
import { createLogger } from '../../runtime/logging.ts'
import { writePast } from './past.ts'

export interface ProjectSettings {
  readonly databaseUrl: string
  readonly events: number
}

export interface ProjectRun {
  readonly events: number
  readonly readPerSecond: number
  readonly livePerSecond: number
  readonly rebuildPerSecond: number
  /** Tables of the rebuild that differ from what the live projection had made. */
  readonly differing: readonly string[]
}

const MESSAGES_A_CONVERSATION = 250

export async function measureProjections({ databaseUrl, events }: ProjectSettings): Promise<ProjectRun> {
  const log = createLogger({ level: 'warn', process: 'bench' })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  const ledger = createPostgresLedger({ databaseUrl, pool })
  try {
    const written = await writePast(ledger, events, Math.min(MESSAGES_A_CONVERSATION, events / 200), () => {})
    const head = await ledger.head()
    const perSecond = (begun: number) => written / ((performance.now() - begun) / 1000)

    let begun = performance.now()
    let read = 0
    for await (const _ of ledger.readAll({ prefixes: CONVERSATION_PREFIXES })) read++
    if (read !== written) throw new Error(`${written} events were written, ${read} read`)
    const readPerSecond = perSecond(begun)

    begun = performance.now()
    const engine = startEngine({ databaseUrl, ledger, log, schema: 'read', settings: LIVE_SETTINGS })
    while ((await projectedPosition(pool).catch(() => 0n)) < head) await sleep(20)
    const livePerSecond = perSecond(begun)

    const result = await rebuild({
      databaseUrl,
      ledger,
      log,
      signal: new AbortController().signal,
      compare: true,
    })
    await engine.stop()
    return {
      events: written,
      readPerSecond,
      livePerSecond,
      rebuildPerSecond: result.eventsPerSecond,
      differing: result.compared?.filter(({ equal }) => !equal).map(({ table }) => table) ?? [
        'nothing was compared',
      ],
    }
  } finally {
    await ledger.close()
    await pool.end()
  }
}

/**
 * For load balancers and monitoring: alive, ready, metrics. Needs no token and tells nothing about people. Nobody is limited either, so what
 * costs statements is asked once a second, however many want to know.
 */
import type { FastifyPluginAsync } from 'fastify'
import { projectionLag } from '../../projections/queries/projection-lag.ts'
import { inTime } from '../../runtime/in-time.ts'
import { keptFor } from '../../runtime/kept-for.ts'
import type { ApiDeps } from '../deps.ts'
import { sendProblem } from '../problem.ts'

/** Read models further behind than this are not shown to people, unless they are catching up. */
const MAX_LAG_SECONDS = 10
const KEPT_MS = 1_000
/** Who wants to know whether this is well is told within this, also while nothing answers. */
const PATIENCE_MS = 2_000

interface Check {
  readonly ok: boolean
  readonly detail?: string
}

export const healthRoutes =
  ({ pool, ledger, metrics }: ApiDeps): FastifyPluginAsync =>
  async (app) => {
    let positionsBefore = new Map<number, bigint>()
    const lag = metrics.gauge('triptick_read_models_lag_seconds', 'How far the read models are behind.', [
      'lane',
    ])

    app.get('/livez', async () => ({ status: 'alive' }))

    app.get('/readyz', async (_request, reply) => {
      const parts = await readiness()
      const failing = Object.entries(parts).filter(([, { ok }]) => !ok)
      if (failing.length === 0) return { status: 'ready', ...parts }
      const why = failing.map(([part, { detail = 'not ok' }]) => `${part}: ${detail}`).join('; ')
      return sendProblem(reply, 'unavailable', `not ready: ${why}`, KEPT_MS, parts)
    })

    app.get('/metrics', async (_request, reply) => {
      // Of another process's work, so it is asked when it is wanted; when it cannot be known, it is not shown.
      lag.reset()
      await inTime(PATIENCE_MS, projections()).then(
        ({ lanes }) => {
          for (const { lane, seconds } of lanes) lag.set({ lane: String(lane) }, seconds)
        },
        () => {},
      )
      reply.type(metrics.registry.contentType)
      return metrics.registry.metrics()
    })

    // Each is asked once, however long it takes to answer.
    const projections = keptFor(KEPT_MS, async () => projectionLag(pool, await ledger.head()))
    const databaseAnswers = keptFor(KEPT_MS, async () => void (await pool.query('SELECT 1')))
    const ledgerAnswers = keptFor(KEPT_MS, () => ledger.ping())

    const readiness = keptFor(KEPT_MS, async () => {
      const [database, log, projections] = await Promise.all([
        check(databaseAnswers),
        check(ledgerAnswers),
        checkProjections(),
      ])
      return { database, ledger: log, projections }
    })

    /** Behind but getting on is ready: a restart would only make it start the catching up anew. */
    async function checkProjections(): Promise<Check & { lagSeconds?: number }> {
      try {
        const { seconds, lanes } = await inTime(PATIENCE_MS, projections())
        const before = positionsBefore
        positionsBefore = new Map(lanes.map(({ lane, position }) => [lane, position]))
        // Each of them: that others get on is no help to whose conversations are in one that stands still.
        const ok = lanes.every(
          ({ lane, position, seconds }) => seconds <= MAX_LAG_SECONDS || position > (before.get(lane) ?? 0n),
        )
        return { ok, lagSeconds: seconds, ...(ok ? {} : { detail: 'the read models are behind' }) }
      } catch {
        return { ok: false, detail: 'the read models do not answer' }
      }
    }
  }

async function check(probe: () => Promise<void>): Promise<Check> {
  try {
    await inTime(PATIENCE_MS, probe())
    return { ok: true }
  } catch {
    return { ok: false, detail: 'no answer' }
  }
}

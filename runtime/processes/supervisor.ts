/**
 * `triptick start` on one machine: brings up the database, then two processes, so that two cores are used (`api`, and
 * `background` with projections and workers), keeps them running and takes everything down in order. Runs no role itself.
 */
import { createLogger } from '../logging.ts'
import { listenForStop } from '../shutdown.ts'
import { bringUp, type SupervisorOptions } from './bring-up.ts'
import { scheduleAsBatch } from './scheduling.ts'
import { killAll, takeDown, type Up } from './take-down.ts'

type End =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  /** It did not come up, or can't be kept up. */
  | { readonly kind: 'broken'; readonly reason: unknown }

/** Resolves with the exit code when everything is down again; rejects with the reason if it broke, everything down as well. */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const log = createLogger({
    level: options.config.logLevel,
    process: 'supervisor',
    node: options.config.node,
  })
  const signals = listenForStop()
  const up: Up = { children: [] }
  if (!(await scheduleAsBatch())) log.debug('the processes are scheduled as usual, not as batch')

  // 1. up, until a signal comes or something breaks
  const abort = new AbortController()
  let starting: Promise<void> | undefined
  const end = await new Promise<End>((resolve) => {
    const onBroken = (reason: unknown) => resolve({ kind: 'broken', reason })
    signals.first.then((signal) => resolve({ kind: 'signal', signal }))
    starting = bringUp(options, up, { log, signal: abort.signal, onBroken })
    starting.catch(onBroken)
  })
  if (end.kind === 'signal') log.info(`${end.signal}: stopping`)

  // 2. down: in order, or at once if they ask a second time
  abort.abort()
  const down = (async () => {
    await starting?.catch(() => {})
    return await takeDown(up, log)
  })()
  const how = await Promise.race([down, signals.second.then(() => 'hurried' as const)])
  if (how === 'hurried') await killAll(up)

  // 3. how it went
  if (how === 'hurried') return 130
  if (end.kind === 'broken') throw end.reason
  return how === 'in order' ? 0 : 1
}

/** Takes down what is up: api, background, Postgres, the data folder; in this order and in fifteen seconds. Starts nothing. */
import type { HeldDataFolder } from '../data-folder.ts'
import type { EmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts'
import type { Logger } from '../logging.ts'
import { stopInOrder, within } from '../shutdown.ts'
import type { Child } from './child.ts'

/** What is up so far. Filled while it comes up, so that a start that fails half-way can be taken back. */
export interface Up {
  folder?: HeldDataFolder
  postgres?: EmbeddedPostgres
  /** In the order in which they stop. */
  children: { readonly name: string; readonly child: Child }[]
}

const CHILDREN_LIMIT_MS = 12_000
/** Postgres gets the rest: a clean stop spares the next start the recovery. */
const POSTGRES_LIMIT_MS = 3_000

export async function takeDown(up: Up, log: Logger): Promise<'in order' | 'by force'> {
  const steps = up.children.map(({ name, child }) => ({ name, stop: () => child.stop() }))
  const childrenInTime = await stopInOrder(steps, CHILDREN_LIMIT_MS, log)
  if (!childrenInTime) {
    log.error(`not stopped within ${CHILDREN_LIMIT_MS / 1000} s: the processes are ended by force`)
    for (const { child } of up.children) child.kill()
  }
  const postgresInTime =
    up.postgres === undefined || (await within(POSTGRES_LIMIT_MS, up.postgres.stop('fast')))
  if (!postgresInTime) await up.postgres?.stop('immediate')
  up.folder?.release()
  return childrenInTime && postgresInTime ? 'in order' : 'by force'
}

/** Nothing that was acknowledged is lost by this; the next start recovers. */
export async function killAll(up: Up): Promise<void> {
  for (const { child } of up.children) child.kill()
  await up.postgres?.stop('immediate')
  up.folder?.release()
}

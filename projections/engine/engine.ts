/**
 * An engine folds the ledger into one schema of read models and keeps it up to date. Has no side effects but those tables.
 *
 *   standby   another engine has the lock. Asks for it → claiming
 *   claiming  takes the checkpoints, which fences every engine before it → running
 *   running   reads, folds, writes (`run.ts`)
 *             → claiming, when another build of the read models took the schema's name
 *             → standby, when the lock's connection is lost
 *   stopped   by `stop`, from anywhere
 *   failed    fenced, too much parked, another version, beyond the end of the ledger, a bug: `finished` rejects. Nothing more is
 *             written
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadSchema } from '../schema.ts'
import { type Claimed, claim } from './claim.ts'
import { classify } from './failures.ts'
import { acquireOwnership, type Ownership } from './ownership.ts'
import { type RunDeps, type RunEnd, run } from './run.ts'

type EngineState = 'standby' | 'claiming' | 'running' | 'stopped' | 'failed'

export interface EngineDeps extends RunDeps {
  readonly schema: ReadSchema
}

export interface Engine {
  readonly state: EngineState
  /** Resolves when the engine has stopped; rejects when it failed. */
  readonly finished: Promise<void>
  /** Lets the transactions under way finish, and gives the lock back. */
  stop(): Promise<void>
}

const TRY_AGAIN_MS = 500

export function startEngine(deps: EngineDeps): Engine {
  const stopping = new AbortController()
  const { signal } = stopping
  let state: EngineState = 'standby'

  async function live(): Promise<void> {
    while (!signal.aborted) {
      state = 'standby'
      const ownership = await acquireOwnership(deps.databaseUrl, deps.schema, signal)
      if (!ownership) return
      try {
        while ((await claimAndRun(ownership)) === 'replaced') {
          deps.log.info('another build of the read models is in place: going on with it')
        }
      } finally {
        await ownership.release().catch(() => {})
      }
      if (!signal.aborted) deps.log.warn('the connection that holds the lock of the projections was lost')
    }
  }

  async function claimAndRun(ownership: Ownership): Promise<RunEnd> {
    state = 'claiming'
    const taken = await claimSurely(ownership)
    if (!taken) return signal.aborted ? 'stopped' : 'lost'
    state = 'running'
    return await run(deps, taken, ownership, signal)
  }

  async function claimSurely({ lost }: Ownership): Promise<Claimed | undefined> {
    while (!signal.aborted && !lost.aborted) {
      try {
        return await claim(deps.databaseUrl, deps.schema, deps.settings.lanes)
      } catch (err) {
        if (classify(err) !== 'transient') throw err
        deps.log.warn({ err }, 'the checkpoints could not be taken and are tried again')
        await sleep(TRY_AGAIN_MS, undefined, { signal }).catch(() => {})
      }
    }
    return undefined
  }

  const finished = live().then(
    () => {
      state = 'stopped'
    },
    (error: unknown) => {
      state = 'failed'
      throw error
    },
  )
  // Whoever only stops it need not listen.
  finished.catch(() => {})

  return {
    get state() {
      return state
    },
    finished,
    async stop() {
      stopping.abort()
      await finished.catch(() => {})
    },
  }
}

/**
 * Builds the read models anew from the ledger, beside those in use, and puts them in their place. Whoever reads notices
 * nothing; the live projection pauses for a moment. Killed anywhere, it is simply run again.
 *
 *   1. lock      one rebuild at a time
 *   2. prepare   an empty `read_next`, or the one an earlier rebuild left, if it is any good (prepare.ts)
 *   3. build     fold the ledger into it, with checkpoints of its own               (../engine)
 *   4. live      somebody keeps `read` up to date; if nobody does, we do meanwhile  (live.ts)
 *   5. compare   both builds at the very same position, if asked to                 (align.ts, compare.ts)
 *   6. catch up  with what came in meanwhile
 *   7. swap      hold, align, look again whether nothing is lost, rename: one transaction (swap.ts)
 */
import type pg from 'pg'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import type { Logger } from '../../runtime/logging.ts'
import { startProblem } from '../../runtime/problem.ts'
import { type Engine, startEngine } from '../engine/engine.ts'
import type { FailPoint } from '../engine/fail-point.ts'
import { EngineStopped } from '../engine/failures.ts'
import { tryOwnership } from '../engine/ownership.ts'
import type { Progress } from '../engine/run.ts'
import { createSession } from '../engine/session.ts'
import { LIVE_SETTINGS, REBUILD_SETTINGS } from '../engine/settings.ts'
import { findReadModel, READ_MODEL_VERSION, READ_TABLES } from '../schema.ts'
import { align } from './align.ts'
import { compareBuilds, type TableComparison } from './compare.ts'
import { createThrottle, isBeyond, liveRuns, waitForLive } from './live.ts'
import { dropNext, parkedByRebuild, prepareNext, skippedDiffer } from './prepare.ts'
import { connect, holdLive, putFirst, putInPlace } from './swap.ts'

export interface RebuildOptions {
  readonly databaseUrl: string
  readonly ledger: Ledger
  readonly log: Logger
  readonly signal: AbortSignal
  /** Compare every table before the swap, and do not swap unless all are equal. */
  readonly compare?: boolean
  /** Leave everything as it was: only build and compare. */
  readonly swap?: boolean
  /** Begin at the beginning, whatever an earlier rebuild left. */
  readonly fresh?: boolean
  onProgress?(progress: Progress): void
  readonly failAt?: (point: FailPoint) => void
}

export interface RebuildResult {
  readonly resumed: boolean
  readonly events: number
  readonly seconds: number
  readonly eventsPerSecond: number
  /** Absent when it was not asked for, or there is nothing to compare with: no `read`, or one of another version. */
  readonly compared?: readonly TableComparison[]
  readonly swapped: boolean
  /** How long the live projection stood still for the swap. */
  readonly pausedMs: number
}

export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { databaseUrl, ledger, compare = false, swap = true, fresh = false, signal } = options
  // 1. lock
  const lock = await tryOwnership(databaseUrl, 'rebuild')
  if (!lock) throw startProblem('another rebuild is running', 'Wait for it to end.')
  const client = await connect(databaseUrl)
  let live: Engine | undefined
  try {
    // 2. prepare
    const isUseless = await isBeyond(client, 'read_next', ledger)
    const resumed = await prepareNext(client, fresh || isUseless, options.log)
    // 3. build
    const built = await build(options, client)
    // 4. live
    const read = await findReadModel(client, 'read')
    const beyond = await isBeyond(client, 'read', ledger)
    if (read?.version === READ_MODEL_VERSION && !beyond && !(await liveRuns(client)))
      live = startLive(options)
    const alignable = !beyond && (live !== undefined || (read !== null && (await liveRuns(client))))
    // 5. compare
    const compared =
      compare && alignable && read?.version === READ_MODEL_VERSION
        ? await compareAligned(options, client)
        : undefined
    const result = { resumed, ...built, ...(compared ? { compared } : {}) }
    if (compared?.some(({ equal }) => !equal)) return { ...result, swapped: false, pausedMs: 0 }
    if (!swap) {
      await dropNext(client)
      return { ...result, swapped: false, pausedMs: 0 }
    }
    // 6. catch up
    await catchUp(options, client)
    signal.throwIfAborted()
    // Before anybody is held up for it; the swap looks again.
    await refuseLess(client, read !== null)
    // 7. swap
    const pausedMs = await swapIn(options, client, read !== null, alignable)
    return { ...result, swapped: true, pausedMs }
  } finally {
    await live?.stop()
    await client.end()
    await lock.release()
  }
}

/** An engine of our own on `read`, which ends with the rebuild: nobody else keeps it up to date. */
const startLive = ({ databaseUrl, ledger, log }: RebuildOptions): Engine =>
  startEngine({ databaseUrl, ledger, log, schema: 'read', settings: LIVE_SETTINGS })

async function build(
  options: RebuildOptions,
  client: pg.Client,
): Promise<Pick<RebuildResult, 'events' | 'seconds' | 'eventsPerSecond'>> {
  const begun = performance.now()
  const events = await catchUp(options, client)
  const seconds = (performance.now() - begun) / 1000
  return { events, seconds, eventsPerSecond: Math.round(events / seconds) }
}

/** Folds into `read_next` until nothing is left; answers how many events that were. */
async function catchUp(options: RebuildOptions, client: pg.Client): Promise<number> {
  const { databaseUrl, ledger, log, signal, failAt } = options
  let events = 0
  let reached = () => {}
  const caughtUp = new Promise<void>((resolve) => {
    reached = resolve
  })
  const engine = startEngine({
    databaseUrl,
    ledger,
    log,
    schema: 'read_next',
    settings: REBUILD_SETTINGS,
    throttle: createThrottle(client, ledger),
    onProgress: (progress) => {
      events += progress.events
      options.onProgress?.(progress)
      if (progress.caughtUp) reached()
    },
    ...(failAt ? { failAt } : {}),
  })
  signal.addEventListener('abort', reached, { once: true })
  try {
    await Promise.race([caughtUp, engine.finished])
  } catch (error) {
    if (!(error instanceof EngineStopped)) throw error
    throw startProblem(error.message, 'Nothing was swapped. Run this again once that is put right.', error)
  } finally {
    signal.removeEventListener('abort', reached)
    await engine.stop()
  }
  signal.throwIfAborted()
  return events
}

async function compareAligned(
  options: RebuildOptions,
  client: pg.Client,
): Promise<readonly TableComparison[]> {
  const snapshot = await connect(options.databaseUrl)
  try {
    await alignWithLive(options, client, async () => {
      await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await snapshot.query('SELECT 1')
    })
    // The live projection goes on meanwhile; the snapshot stays where both are equal.
    return await compareBuilds(snapshot)
  } finally {
    await snapshot.end()
  }
}

/** `then` runs while both builds stand at the same positions. */
async function alignWithLive(
  { databaseUrl, ledger, signal }: RebuildOptions,
  client: pg.Client,
  then: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query<{ position: string }>(
    'SELECT max(position) AS position FROM read_next.checkpoints',
  )
  await waitForLive(client, BigInt(rows[0]?.position ?? 0) as Position, signal)
  const session = createSession(databaseUrl, 'triptick rebuild align')
  try {
    await holdLive(client, async () => {
      await align(session, ledger)
      await then()
    })
  } finally {
    await session.close()
  }
}

const MAX_NAMED = 10

/** What the program that is in place understood, this one must understand too, and leave out what a person skipped since. */
async function refuseLess(client: pg.Client, besideRead: boolean): Promise<void> {
  if (besideRead && (await skippedDiffer(client))) {
    throw startProblem(
      'events were skipped while the read models were rebuilt',
      'Nothing was swapped. Run this again: it begins afresh, and leaves them out.',
    )
  }
  const parked = await parkedByRebuild(client, besideRead)
  if (parked.length === 0) return
  const named = parked
    .slice(0, MAX_NAMED)
    .map(({ conversationId, reason }) => `\n  ${conversationId}: ${reason}`)
  const more = parked.length > named.length ? `\n  and ${parked.length - named.length} more` : ''
  throw startProblem(
    `${parked.length} conversations could not be rebuilt, though they are in use now:${named.join('')}${more}`,
    'Nothing was swapped. Correct the program and run this again. Of a conversation that `npx triptick parked list` does not show, an event can be left out: `npx triptick parked skip <conversationId>`.',
  )
}

/** Answers how many milliseconds engines had to wait. */
async function swapIn(
  options: RebuildOptions,
  client: pg.Client,
  besideRead: boolean,
  alignable: boolean,
): Promise<number> {
  // The planner knows nothing of the new tables yet, and the first queries after the swap need it.
  await client.query(`ANALYZE ${READ_TABLES.map((table) => `read_next.${table}`).join(', ')}`)
  if (!besideRead) {
    await putFirst(client)
    return 0
  }
  // Held still, nobody parks, retries or skips any more: what is found now is what is swapped.
  const replace = async () => {
    await refuseLess(client, besideRead)
    // In the same transaction: where this is refused there is still something to return to.
    await client.query('DROP SCHEMA IF EXISTS read_previous CASCADE')
    await putInPlace(client)
  }
  const begun = performance.now()
  if (alignable) await alignWithLive(options, client, replace)
  else await holdLive(client, replace)
  return Math.round(performance.now() - begun)
}

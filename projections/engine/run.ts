/** One run of an engine on claimed checkpoints: reader, lanes and pulse side by side, until one of them ends it. */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { BEGINNING, type Ledger, type Position } from '../../ledger/ledger.ts'
import type { Logger } from '../../runtime/logging.ts'
import { WANTED } from '../queries/projection-waiter.ts'
import type { Claimed } from './claim.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import type { FailPoint } from './fail-point.ts'
import { classify, EngineStopped } from './failures.ts'
import { createLane, type Lane, SchemaReplaced } from './lane.ts'
import { createLanes } from './lanes.ts'
import type { Ownership } from './ownership.ts'
import { createParkedConversations } from './parking.ts'
import { createReader } from './reader.ts'
import { createSession, type Session } from './session.ts'
import type { EngineSettings } from './settings.ts'
import { pulse, type Reach, reachOf } from './watch.ts'

export interface RunDeps {
  readonly databaseUrl: string
  readonly ledger: Ledger
  readonly log: Logger
  readonly settings: EngineSettings
  readonly metrics?: EngineMetrics
  readonly throttle?: () => Promise<void>
  /** After every transaction. */
  readonly onProgress?: (progress: Progress) => void
  readonly failAt?: (point: FailPoint) => void
}

export interface Progress {
  /** Folded by that transaction. */
  readonly events: number
  /** Everything up to here is projected. */
  readonly position: Position
  /** Nothing is left to fold of what the ledger held. */
  readonly caughtUp: boolean
}

/** `lost`: the connection that holds the lock is gone. */
export type RunEnd = 'stopped' | 'replaced' | 'lost'

/** The first one soon: `/readyz` waits for it. */
const FIRST_PULSE_MS = 100
const PULSE_MS = 1_000
/** In a row. Of a cluster, the node that is followed may be a moment ahead of the one that is asked for the end. */
const MAX_LOOKS_BEYOND = 3

export async function run(
  deps: RunDeps,
  { owner, lanes: stored, parked: parkedBefore, skipped }: Claimed,
  ownership: Ownership,
  stop: AbortSignal,
): Promise<RunEnd> {
  const { databaseUrl, ledger, log, settings, metrics } = deps
  const ending = new AbortController()
  const signal = AbortSignal.any([stop, ownership.lost, ending.signal])
  // Every lane listens; that is no leak.
  setMaxListeners(0, signal)
  const parked = createParkedConversations(parkedBefore)
  const sessions = stored.map((_, lane) =>
    createSession(databaseUrl, `triptick ${owner.schema} lane ${lane}`),
  )

  const all: readonly Lane[] = stored.map(({ position }, lane) =>
    createLane({
      lane,
      position,
      owner,
      session: sessions[lane] as Session,
      parked,
      skipped,
      settings,
      signal,
      onStored: (which, events, seconds) => {
        metrics?.stored(which, events, seconds)
        lanes.settle()
        reader.drain()
        report(events)
      },
      onRetry: (which, err) => {
        metrics?.retried(which)
        log.warn({ err, lane: which.lane }, 'a batch failed for a passing reason and is tried again')
      },
      onParked: (conversationId, bad, reason) => {
        log.error({ conversationId, position: String(bad), reason }, 'parked: see `npx triptick parked list`')
      },
      pass: deps.failAt ?? (() => {}),
    }),
  )
  const after = lowest(all)
  const lanes = createLanes(all, after)
  const reader = createReader({
    ledger,
    lanes,
    after,
    queueEvents: settings.queueEvents,
    paceMs: settings.paceMs,
    signal,
    onLive: () => report(0),
    ...(deps.throttle ? { throttle: deps.throttle } : {}),
  })
  const report = (events: number) => {
    deps.onProgress?.({ events, position: lowest(all), caughtUp: reader.live && lanes.drained })
  }

  function hurry(): void {
    for (const lane of all) lane.hurry()
  }

  let isLedgerSilent = false

  /**
   * Whatever keeps the ledger from saying how far it is, it is no reason to stop: an EventStoreDB that is away for two seconds would
   * end this process, and again at each restart. What the ledger refuses for good ends the subscription, and that the reader.
   */
  async function reach(): Promise<Reach> {
    try {
      const reached = await reachOf(ledger, lanes, highest(all))
      isLedgerSilent = false
      return reached
    } catch (err) {
      const level = isLedgerSilent ? 'debug' : 'warn'
      log[level]({ err }, 'the ledger does not say how far it is: the projections count as behind')
      isLedgerSilent = true
      return 'behind'
    }
  }

  let looksBeyond = 0

  /** What has been projected and is in the ledger no more would be shown for ever, and what comes instead left out: better to stop. */
  function refuseBeyond(reached: Reach): void {
    looksBeyond = reached === 'beyond' ? looksBeyond + 1 : 0
    if (looksBeyond < MAX_LOOKS_BEYOND) return
    throw new EngineStopped(
      'beyond-ledger',
      `the read models in ${owner.schema} stand at position ${highest(all)}, and the ledger ends before that: it was put back to an earlier state, or is another one. ` +
        'If it is the right one, stop Triptick and run `npx triptick rebuild` and `npx triptick rebuild --search`',
    )
  }

  async function beat(): Promise<void> {
    let replaced = false
    for (let wait = FIRST_PULSE_MS; !replaced; wait = PULSE_MS) {
      await sleep(wait, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        const reached = await reach()
        refuseBeyond(reached)
        const { state, parkedConversations } = await pulse(ownership, owner, reached === 'caught-up')
        metrics?.parked(parkedConversations)
        for (const lane of all) metrics?.lag(lane, state === 'caught-up' ? 0 : secondsSince(lane.at))
        replaced = state === 'replaced'
      } catch (err) {
        if (classify(err) !== 'transient') throw err
        log.warn({ err }, 'the projections could not look how far they are')
      }
    }
    throw new SchemaReplaced()
  }

  // A connection that does not listen is lost, and says so by `lost`.
  void ownership.listen(WANTED, hurry).catch(() => {})
  // Nothing that hangs on a dead connection may outlive the lock.
  ownership.lost.addEventListener('abort', () => void closeAll(sessions), { once: true })
  let failure: unknown
  const work = [reader.run(), beat(), ...all.map((lane) => lane.run())]
  await Promise.all(
    work.map((part) =>
      part.catch((error: unknown) => {
        failure ??= error
        ending.abort()
      }),
    ),
  )
  await closeAll(sessions)
  if (failure instanceof SchemaReplaced) return 'replaced'
  if (failure !== undefined && !ownership.lost.aborted) throw failure
  return stop.aborted ? 'stopped' : 'lost'
}

function lowest(lanes: readonly Lane[]): Position {
  let low = lanes[0]?.position ?? BEGINNING
  for (const { position } of lanes) if (position < low) low = position
  return low
}

function highest(lanes: readonly Lane[]): Position {
  let high = BEGINNING
  for (const { position } of lanes) if (position > high) high = position
  return high
}

const closeAll = (sessions: readonly Session[]): Promise<unknown> =>
  Promise.all(sessions.map((session) => session.close()))

const secondsSince = (at: number): number => (at === 0 ? 0 : Math.max(0, Date.now() - at) / 1000)

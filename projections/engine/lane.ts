/**
 * A lane: the events of its share of the conversations, in order, a batch at a time, each batch one transaction. Never
 * touches what another lane writes.
 *
 *   idle      nothing queued. push → waiting · moveTo → moving
 *   waiting   until the window since the last transaction is over, a batch is full, or somebody is in a hurry → writing
 *   writing   fold and commit → idle or waiting · transient failure → backing off · refused data → halves, down to the one
 *             event, which is parked
 *   moving    nothing to fold up to a position: only the checkpoint moves → idle
 *   backing off  → writing or moving, the same again
 *   ended     by `stop`, or by an outcome or failure after which this engine must not go on
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Position, RecordedEvent } from '../../ledger/ledger.ts'
import { type Move, move, type Owner, stopFor } from './checkpoint.ts'
import type { FailPoint } from './fail-point.ts'
import { classify, describePoison } from './failures.ts'
import { type FoldRules, foldEvents } from './fold-events.ts'
import { type ParkedConversations, parkedIn } from './parking.ts'
import type { Session } from './session.ts'
import type { EngineSettings } from './settings.ts'
import { type BatchOutcome, writeBatch } from './write-batch.ts'

/** Another build of the read models has taken the schema's name: begin again from its checkpoints. */
export class SchemaReplaced extends Error {}

export interface LaneDeps {
  readonly lane: number
  readonly position: Position
  readonly owner: Owner
  readonly session: Session
  readonly parked: ParkedConversations
  readonly skipped: ReadonlySet<Position>
  readonly settings: EngineSettings
  readonly signal: AbortSignal
  /** After every transaction; the engine sees to idle lanes and metrics then. */
  onStored(lane: Lane, events: number, seconds: number): void
  onRetry(lane: Lane, error: unknown): void
  onParked(conversationId: string, position: Position, reason: string): void
  pass(point: FailPoint): void
}

export interface Lane {
  readonly lane: number
  /** Stored: everything of this lane up to here is projected. */
  readonly position: Position
  /** Time of the newest event up to there, 0 if this run has seen none. */
  readonly at: number
  readonly queued: number
  readonly idle: boolean
  push(event: RecordedEvent): void
  /** Only while idle: there is nothing for this lane up to `position`. */
  moveTo(position: Position, at: number): void
  /** A person waits for what is queued, or about to be. */
  hurry(): void
  /** Resolves once `signal` has aborted; rejects when the lane can't go on. */
  run(): Promise<void>
}

/** Long enough for the reader to fetch what somebody waits for: it reads at least this often. */
const HURRY_MS = 100
/** The window meanwhile, so that many who wait share a transaction. */
const HURRIED_WINDOW_MS = 10
const BACKOFF_FIRST_MS = 20
const BACKOFF_MAX_MS = 5_000

export function createLane(deps: LaneDeps): Lane {
  const { owner, session, parked, skipped, settings, signal } = deps
  let position = deps.position
  let at = 0
  let queue: RecordedEvent[] = []
  let target: { readonly position: Position; readonly at: number } | undefined
  let underWay = false
  let lastBegun = Number.NEGATIVE_INFINITY
  let hurriedUntil = Number.NEGATIVE_INFINITY
  let wake = () => {}

  const lane: Lane = {
    lane: deps.lane,
    get position() {
      return position
    },
    get at() {
      return at
    },
    get queued() {
      return queue.length
    },
    get idle() {
      return queue.length === 0 && !underWay && target === undefined
    },
    push(event) {
      queue.push(event)
      if (queue.length === 1 || queue.length === settings.batchEvents) wake()
    },
    moveTo(to, time) {
      target = { position: to, at: time }
      wake()
    },
    hurry() {
      hurriedUntil = performance.now() + HURRY_MS
      wake()
    },
    run,
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      if (target) await moveToTarget(target)
      else if (queue.length > 0) await nextBatch()
      else await woken()
    }
  }

  async function moveToTarget(to: NonNullable<typeof target>): Promise<void> {
    await untilDone(async () =>
      settle(await move(session, owner, moveFor(to.position, to.at, 0)), to.position, to.at),
    )
    target = undefined
    if (!signal.aborted) deps.onStored(lane, 0, 0)
  }

  async function nextBatch(): Promise<void> {
    const now = performance.now()
    const windowMs = now < hurriedUntil ? Math.min(HURRIED_WINDOW_MS, settings.windowMs) : settings.windowMs
    const wait = lastBegun + windowMs - now
    if (wait > 0 && queue.length < settings.batchEvents) {
      await woken(wait)
      if (signal.aborted) return
    }
    const events = queue.slice(0, settings.batchEvents)
    queue = queue.slice(settings.batchEvents)
    underWay = true
    lastBegun = performance.now()
    await project(events)
    underWay = false
    if (!signal.aborted) deps.onStored(lane, events.length, (performance.now() - lastBegun) / 1000)
  }

  /** Events that Postgres refuses together are tried in halves: the bad one is found in log2(n) steps. */
  async function project(events: readonly RecordedEvent[], refused?: FoldRules['refused']): Promise<void> {
    try {
      await untilDone(() => write(events, refused))
    } catch (error) {
      if (classify(error) !== 'poison' || refused) throw error
      const [event] = events
      if (events.length === 1 && event) {
        await project(events, { event, reason: describePoison(error) })
        return
      }
      const half = events.length >> 1
      await project(events.slice(0, half))
      if (!signal.aborted) await project(events.slice(half))
    }
  }

  async function write(events: readonly RecordedEvent[], refused: FoldRules['refused']): Promise<boolean> {
    const last = events.at(-1) as RecordedEvent
    const time = Number(last.metadata.recordedAt) || 0
    const folded = foldEvents(events, { parked, skipped, ...(refused ? { refused } : {}) })
    await withinLimit(folded.parking.begun.length)
    const outcome = await writeBatch(
      session,
      owner,
      moveFor(last.position, time, events.length),
      folded,
      deps.pass,
    )
    if (outcome.kind === 'freed') {
      parked.free(outcome.conversationIds)
      return false
    }
    settle(outcome.kind, last.position, time)
    parked.add(folded.parking)
    // Lanes that park at the same time do not see each other until both have. Tried again by itself: the batch is stored.
    await untilDone(() => withinLimit(0))
    for (const { conversationId, position: bad, reason } of folded.parking.begun) {
      deps.onParked(conversationId, bad, reason)
    }
    return true
  }

  async function withinLimit(more: number): Promise<true> {
    await parked.refuseBeyondLimit(more, () => parkedIn(session, owner.schema))
    return true
  }

  function settle(outcome: Exclude<BatchOutcome['kind'], 'freed'>, to: Position, time: number): true {
    switch (outcome) {
      case 'stored':
      case 'already-stored':
        position = to
        if (time > 0) at = time
        return true
      case 'replaced':
        throw new SchemaReplaced()
      default:
        throw stopFor(outcome, owner, moveFor(to, time, 0))
    }
  }

  const moveFor = (to: Position, time: number, events: number): Move => ({
    lane: deps.lane,
    from: position,
    to,
    at: time,
    events,
  })

  /** Again and again while it answers false or fails for a passing reason, or until the engine stops. */
  async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS
    while (!signal.aborted) {
      try {
        if (await attempt()) return
      } catch (error) {
        if (classify(error) !== 'transient') throw error
        deps.onRetry(lane, error)
        await sleep(backoffMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
      }
    }
  }

  function woken(timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(done, timeoutMs)
      function done() {
        clearTimeout(timer)
        wake = () => {}
        resolve()
      }
      wake = done
    })
  }

  signal.addEventListener('abort', () => wake(), { once: true })
  return lane
}

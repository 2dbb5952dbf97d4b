/**
 * A live subscription by paging: reads on while there is more, then waits for the doorbell. Holds the page that it has handed
 * over and, while there is more, the next one, which Postgres reads meanwhile; never more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Followed, Position } from '../ledger.ts'
import type { LedgerLog } from '../ledger-log.ts'
import type { Doorbell } from './doorbell.ts'
import type { Page } from './tail.ts'

interface FollowDeps {
  readonly start: () => Promise<Position>
  readonly page: (after: Position) => Promise<Page>
  /** Between the beginnings of two reads, unless there was more. After a longer silence the next event is read at once. */
  readonly paceMs: number
  readonly doorbell: Doorbell
  readonly log: LedgerLog
  readonly signal: AbortSignal
}

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 5000
/** A database that is away fails every read of every subscription: one line a minute of each says it. */
const WARN_EVERY_MS = 60_000

interface Reading {
  /** How often the bell had rung when it began. */
  readonly rings: number
  readonly at: number
  readonly page: Promise<Page>
}

export async function* follow(deps: FollowDeps): AsyncGenerator<Followed> {
  const { doorbell, paceMs, signal } = deps
  let position: Position | undefined
  let backoffMs = BACKOFF_FIRST_MS
  let caughtUp = false
  let warnedAt = Number.NEGATIVE_INFINITY
  let ahead: Reading | undefined

  /** The bell is looked at before the read: an event appended in between rings past this. */
  const read = (after: Position): Reading => ({
    rings: doorbell.rings,
    at: performance.now(),
    page: deps.page(after),
  })

  while (!signal.aborted) {
    let { rings } = doorbell
    let readAt = performance.now()
    let page: Page
    try {
      position ??= await deps.start()
      const reading: Reading = ahead ?? read(position)
      ahead = undefined
      ;({ rings, at: readAt } = reading)
      page = await reading.page
      backoffMs = BACKOFF_FIRST_MS
    } catch (err) {
      if (signal.aborted) return
      const now = performance.now()
      if (now - warnedAt >= WARN_EVERY_MS) {
        warnedAt = now
        const after = position === undefined ? undefined : String(position)
        deps.log.warn({ err, after }, 'the ledger could not be followed, and is tried again')
      }
      await sleep(backoffMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
      continue
    }
    const { events, more } = page
    position = page.to
    if (more) {
      ahead = read(position)
      // If it fails while the page before is worked on: that is told when its turn comes.
      ahead.page.catch(() => {})
    }
    if (events.length > 0) yield { kind: 'events', events }
    if (more) {
      caughtUp = false
      continue
    }
    if (!caughtUp) {
      caughtUp = true
      yield { kind: 'caught-up' }
    }
    await doorbell.past(rings, signal)
    const rest = readAt + paceMs - performance.now()
    if (rest > 0) await sleep(rest, undefined, { signal }).catch(() => {})
  }
}

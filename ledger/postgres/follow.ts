/** A live subscription by paging: reads on while there is more, then waits for the doorbell. Holds one page, never more. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Followed, Position, RecordedEvent } from '../ledger.ts'
import type { Doorbell } from './doorbell.ts'

interface FollowDeps {
  readonly start: () => Promise<Position>
  readonly page: (after: Position) => Promise<readonly RecordedEvent[]>
  /** Position of the last event of all. */
  readonly head: () => Promise<Position>
  readonly pageSize: number
  readonly doorbell: Doorbell
  readonly signal: AbortSignal
}

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 5000

export async function* follow(deps: FollowDeps): AsyncGenerator<Followed> {
  const { doorbell, signal } = deps
  let position: Position | undefined
  let backoffMs = BACKOFF_FIRST_MS
  let caughtUp = false
  while (!signal.aborted) {
    // Armed before the read: an event appended in between rings this bell, not a later one.
    const rung = new AbortController()
    const bell = doorbell.next(AbortSignal.any([signal, rung.signal]))
    let events: readonly RecordedEvent[]
    try {
      position ??= await deps.start()
      // Before the page, which then holds everything up to here that is wanted at all.
      const end = await deps.head()
      events = await deps.page(position)
      if (events.length === 0 && end > position) position = end
      backoffMs = BACKOFF_FIRST_MS
    } catch {
      rung.abort()
      if (signal.aborted) return
      await sleep(backoffMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
      continue
    }
    const last = events.at(-1)
    if (last) {
      position = last.position
      yield { kind: 'events', events }
    }
    if (events.length === deps.pageSize) {
      rung.abort()
      caughtUp = false
      continue
    }
    if (!caughtUp) {
      caughtUp = true
      yield { kind: 'caught-up' }
    }
    await bell
  }
}

/**
 * What connected people wish to show, as the sessions of this node go by it. Read once for a session, from the read models;
 * changes are told over the bus, and count more than read models that may not have them yet.
 */
import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { Privacy } from '../../domain/events.ts'
import type { UserId } from '../../domain/ids.ts'
import { EVERYTHING_SHARED } from '../../domain/user/state.ts'
import { privacyOf } from '../../projections/queries/privacy.ts'
import { coalesce } from '../../runtime/coalesce.ts'

export interface KnownPrivacy {
  of(userId: UserId): Promise<Privacy>
  changed(userId: UserId, privacy: Privacy): void
  changedLately(userId: UserId): Privacy | undefined
  /** What was read or changed within minutes; `undefined` for everybody else. */
  current(userId: UserId): Privacy | undefined
  /** Changes may have been missed until then, by `performance.now()`: only what was heard later still counts. */
  forget(missedUntil: number): void
}

interface Change {
  readonly privacy: Privacy
  readonly heardAt: number
}

const READ_AT_ONCE = 500
/** Far longer than read models are behind. */
const CHANGED_FOR_MS = 10 * 60_000
const CHANGED_MAX = 10_000
/** Shorter than that, so that a change always counts more than what was read before it; some 10 MB. */
const READ_FOR_MS = 5 * 60_000
const READ_MAX = 50_000

export function createKnownPrivacy(pool: pg.Pool): KnownPrivacy {
  const changes = new LRUCache<UserId, Change>({ max: CHANGED_MAX, ttl: CHANGED_FOR_MS })
  const read = new LRUCache<UserId, Privacy>({ max: READ_MAX, ttl: READ_FOR_MS })
  const reads = coalesce<UserId, ReadonlyMap<UserId, Privacy>>(READ_AT_ONCE, (userIds) =>
    privacyOf(pool, [...new Set(userIds)]),
  )
  let forgotten = 0
  return {
    of: async (userId) => {
      const asked = forgotten
      const found = (await reads.add(userId)).get(userId) ?? EVERYTHING_SHARED
      // Read before a change was missed, it may be older than that: good for who asks, and for nobody later.
      if (asked === forgotten) read.set(userId, found)
      return changes.get(userId)?.privacy ?? found
    },
    changedLately: (userId) => changes.get(userId)?.privacy,
    current: (userId) => changes.get(userId)?.privacy ?? read.get(userId),
    forget: (missedUntil) => {
      for (const [userId, { heardAt }] of [...changes]) if (heardAt < missedUntil) changes.delete(userId)
      read.clear()
      forgotten++
    },
    changed: (userId, privacy) => void changes.set(userId, { privacy, heardAt: performance.now() }),
  }
}

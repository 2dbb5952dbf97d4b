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
}

const READ_AT_ONCE = 500
/** Far longer than read models are behind. */
const CHANGED_FOR_MS = 10 * 60_000
const CHANGED_MAX = 10_000

export function createKnownPrivacy(pool: pg.Pool): KnownPrivacy {
  const changes = new LRUCache<UserId, Privacy>({ max: CHANGED_MAX, ttl: CHANGED_FOR_MS })
  const reads = coalesce<UserId, ReadonlyMap<UserId, Privacy>>(READ_AT_ONCE, (userIds) =>
    privacyOf(pool, [...new Set(userIds)]),
  )
  return {
    of: async (userId) => {
      const read = await reads.add(userId)
      return changes.get(userId) ?? read.get(userId) ?? EVERYTHING_SHARED
    },
    changedLately: (userId) => changes.get(userId),
    changed: (userId, privacy) => void changes.set(userId, privacy),
  }
}

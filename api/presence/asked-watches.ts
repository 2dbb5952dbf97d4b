/**
 * Whom devices watch that have said so over HTTP and do not poll here yet: their first poll takes it over. Of this node alone: a poll
 * that comes to another node watches nobody there, until it says so again.
 */
import { LRUCache } from 'lru-cache'
import type { DeviceId, UserId } from '../../domain/ids.ts'

interface Device {
  readonly userId: UserId
  readonly deviceId: DeviceId
}

export interface AskedWatches {
  keep(device: Device, userIds: readonly UserId[]): void
  /** Once. */
  take(device: Device): readonly UserId[] | undefined
}

/** Long enough for the poll that follows. */
const KEPT_MS = 60_000
/** For memory, some 20 MB with the longest ids: lists, and people on all of them. Beyond it the oldest list is forgotten. */
const MOST_LISTS = 10_000
const MOST_PEOPLE = 100_000

const nameOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`

export function createAskedWatches(): AskedWatches {
  const lists = new LRUCache<string, readonly UserId[]>({
    ttl: KEPT_MS,
    max: MOST_LISTS,
    maxSize: MOST_PEOPLE,
    sizeCalculation: (userIds) => userIds.length,
  })
  return {
    keep: (device, userIds) => {
      if (userIds.length > 0) lists.set(nameOf(device), userIds)
      else lists.delete(nameOf(device))
    },
    take: (device) => {
      const list = lists.get(nameOf(device))
      lists.delete(nameOf(device))
      return list
    },
  }
}

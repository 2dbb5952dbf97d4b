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
/** For memory, some 15 MB with the longest ids: of people on all lists. Beyond it the oldest list is forgotten. */
const MOST_PEOPLE = 100_000

const nameOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`

export function createAskedWatches(): AskedWatches {
  const lists = new LRUCache<string, readonly UserId[]>({
    ttl: KEPT_MS,
    ttlAutopurge: true,
    maxSize: MOST_PEOPLE,
    sizeCalculation: (userIds) => userIds.length + 1,
  })
  return {
    keep: (device, userIds) => void lists.set(nameOf(device), userIds),
    take: (device) => {
      const list = lists.get(nameOf(device))
      lists.delete(nameOf(device))
      return list
    },
  }
}

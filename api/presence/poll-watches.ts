/**
 * Whom devices that poll watch. A `watch` that comes over HTTP may come to any node, also before the first poll, and the next poll may
 * come to another one. So every node remembers it for as long as a device may stay away between two polls, and the one that the
 * device polls watches. A hint, like everything on the bus.
 */
import { LRUCache } from 'lru-cache'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { Bus } from '../../runtime/bus/bus.ts'

interface Device {
  readonly userId: UserId
  readonly deviceId: DeviceId
}

/** To all nodes: a part of the list of a device, which has `count` people. */
export interface WatchMessage extends Device {
  readonly kind: 'watch'
  /** Tells an older list from a newer one. */
  readonly askedAt: number
  readonly count: number
  readonly part: readonly UserId[]
}

export interface PollWatchesDeps {
  readonly bus: Pick<Bus, 'publish'>
  readonly channel: string
  /** The list of this device is known now, or another one. */
  readonly onList: (device: Device, userIds: readonly UserId[]) => void
}

export interface PollWatches {
  /** The device wants to watch these people from now on. */
  ask(device: Device, userIds: readonly UserId[]): void
  /** What another node, or this one, has told all. */
  received(message: WatchMessage): void
  /** Whom it watches, if it said so lately, or was here lately. */
  of(device: Device): readonly UserId[] | undefined
  /** It polls here no longer; perhaps it already does elsewhere. */
  left(device: Device): void
}

interface List {
  readonly askedAt: number
  readonly count: number
  readonly userIds: UserId[]
  keptAt: number
}

/** As long as a device that stays away counts as connected, twice. */
const KEPT_MS = 60_000
/** Devices, of a list each. */
const REMEMBERED = 10_000
/** 40 ids of at most 128 characters fit any bus. */
const AT_ONCE = 40

const nameOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`

export function createPollWatches({ bus, channel, onList }: PollWatchesDeps): PollWatches {
  const lists = new LRUCache<string, List>({ max: REMEMBERED })

  function tell({ userId, deviceId }: Device, { askedAt, count, userIds }: List): void {
    // At least one, of nobody: whoever watches nobody any more says that too.
    for (let from = 0; from === 0 || from < count; from += AT_ONCE) {
      const part = userIds.slice(from, from + AT_ONCE)
      const message: WatchMessage = { kind: 'watch', userId, deviceId, askedAt, count, part }
      bus.publish(channel, JSON.stringify(message))
    }
  }

  function known(device: Device): List | undefined {
    const list = lists.get(nameOf(device))
    return list && list.userIds.length === list.count && Date.now() - list.keptAt < KEPT_MS ? list : undefined
  }

  return {
    ask: (device, userIds) => {
      const before = lists.get(nameOf(device))
      const askedAt = Math.max(Date.now(), (before?.askedAt ?? 0) + 1)
      const list = { askedAt, count: userIds.length, userIds: [...userIds], keptAt: Date.now() }
      lists.set(nameOf(device), list)
      onList(device, list.userIds)
      tell(device, list)
    },
    received: ({ userId, deviceId, askedAt, count, part }) => {
      const device = { userId, deviceId }
      const before = lists.get(nameOf(device))
      if (before && before.askedAt > askedAt) return
      if (before?.askedAt === askedAt) {
        before.keptAt = Date.now()
        if (before.userIds.length === before.count) return
        before.userIds.push(...part)
      } else {
        lists.set(nameOf(device), { askedAt, count, userIds: [...part], keptAt: Date.now() })
      }
      const list = known(device)
      if (list) onList(device, list.userIds)
    },
    of: (device) => known(device)?.userIds,
    left: (device) => {
      const list = lists.get(nameOf(device))
      if (!list || list.userIds.length !== list.count) return
      list.keptAt = Date.now()
      tell(device, list)
    },
  }
}

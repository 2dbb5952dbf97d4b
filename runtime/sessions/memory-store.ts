/** Sessions within one process: for a node without peers, and for tests with several nodes in one process. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { NodeName } from './directory.ts'
import type { SessionStore } from './store.ts'

/** What the directories of one process share, if they are to find each other. */
export type SharedSessions = Map<NodeName, { readonly sessions: Map<UserId, Set<DeviceId>>; beatAt: number }>
export const createSharedSessions = (): SharedSessions => new Map()

export function createMemoryStore(
  deadAfterMs: number,
  shared: SharedSessions = createSharedSessions(),
): SessionStore {
  const isLive = (name: NodeName): boolean => {
    const entry = shared.get(name)
    return entry !== undefined && performance.now() - entry.beatAt < deadAfterMs
  }
  return {
    node: (name) => ({
      async beat() {
        const entry = shared.get(name)
        if (entry) entry.beatAt = performance.now()
        else shared.set(name, { sessions: new Map(), beatAt: performance.now() })
        return entry ? 'known' : 'forgotten'
      },
      async write(changes) {
        const sessions = shared.get(name)?.sessions
        for (const { userId, deviceId, connected } of changes) {
          const devices = sessions?.get(userId) ?? new Set()
          if (connected) devices.add(deviceId)
          else devices.delete(deviceId)
          if (devices.size > 0) sessions?.set(userId, devices)
          else sessions?.delete(userId)
        }
      },
      async withdraw() {
        shared.delete(name)
      },
    }),
    async liveNodes() {
      for (const name of shared.keys()) if (!isLive(name)) shared.delete(name)
      return [...shared.keys()]
    },
    async find(userIds) {
      return [...shared].flatMap(([node, { sessions }]) =>
        isLive(node)
          ? userIds.filter((userId) => sessions.has(userId)).map((userId) => ({ node, userId }))
          : [],
      )
    },
    async close() {},
  }
}

/** The sessions of this node, and which of them the store does not know yet. Writes through the store, never reads it. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { NodeStore, SessionChange } from './store.ts'

/** One statement or pipeline; 10,000 connects are 5 of them at most. */
const MAX_BATCH = 2_000

export interface OwnSessions {
  readonly count: number
  add(userId: UserId, deviceId: DeviceId): Promise<void>
  remove(userId: UserId, deviceId: DeviceId): Promise<void>
  /** Writes what is not written; never rejects, what failed stays to be written. */
  flush(): Promise<void>
  /** The store has forgotten everything: all sessions are to be written again. */
  forgotten(): void
}

export function createOwnSessions(store: NodeStore, onError: (error: unknown) => void): OwnSessions {
  /** Connections per session; entries are created once and deleted at 0. */
  const connections = new Map<string, number>()
  /** Sessions whose state in the store is not known to be the one here. */
  let unwritten = new Set<string>()
  let flushing: Promise<void> | undefined
  let again = false

  async function writeAll(): Promise<void> {
    // One tick, so that a storm of connects becomes few statements.
    await new Promise(setImmediate)
    do {
      again = false
      const keys = [...unwritten]
      unwritten = new Set()
      for (let i = 0; i < keys.length; i += MAX_BATCH) {
        const batch = keys.slice(i, i + MAX_BATCH)
        try {
          await store.write(batch.map((key) => ({ connected: connections.has(key), ...sessionOf(key) })))
        } catch (error) {
          // The next heartbeat tries again: without one the sessions do not count anyway.
          for (const key of keys.slice(i)) unwritten.add(key)
          onError(error)
          again = false
          break
        }
      }
    } while (again)
    // In the same tick as the last look at `again`: a change in between would wait for the next heartbeat.
    flushing = undefined
  }

  function flush(): Promise<void> {
    again = true
    flushing ??= writeAll()
    return flushing
  }

  function count(key: string, by: 1 | -1): Promise<void> {
    const before = connections.get(key) ?? 0
    const after = Math.max(0, before + by)
    if (after === 0) connections.delete(key)
    else connections.set(key, after)
    if (before > 0 === after > 0 && !unwritten.has(key)) return flushing ?? Promise.resolve()
    unwritten.add(key)
    return flush()
  }

  return {
    get count() {
      return connections.size
    },
    add: (userId, deviceId) => count(keyOf(userId, deviceId), 1),
    remove: (userId, deviceId) => count(keyOf(userId, deviceId), -1),
    flush: () => (unwritten.size > 0 ? flush() : (flushing ?? Promise.resolve())),
    forgotten() {
      for (const key of connections.keys()) unwritten.add(key)
    },
  }
}

/** Neither part can hold a space (`domain/fields.ts`). */
const keyOf = (userId: UserId, deviceId: DeviceId): string => `${userId} ${deviceId}`

function sessionOf(key: string): Omit<SessionChange, 'connected'> {
  const [userId, deviceId] = key.split(' ')
  return { userId: userId as UserId, deviceId: deviceId as DeviceId }
}

/**
 * The contract of the session directory: who is connected to which api node. Knows no socket, and is never the truth about a
 * message: a session that is missing here costs the time until the delivery worker looks, nothing else.
 *
 * Glossary
 * - session: one connected device of a person on one node.
 * - node: an api process. It is live while its heartbeat is younger than 24 s; a dead node's sessions do not count.
 * - peer: another live node.
 * - observer: a process without sessions of its own (a worker) that looks nodes up.
 *
 * Three stores (memory, Postgres, Redis), one contract suite (`test/runtime/sessions/contract.ts`).
 */
import type { DeviceId, UserId } from '../../domain/ids.ts'

export type NodeName = string

export interface SessionDirectory {
  /**
   * Resolves when the peers can find the session (or the store failed: then it is written as soon as the store is back).
   * Calls are batched. Adding a device that is there counts twice, so that a device that reconnects before its old
   * connection is removed stays findable.
   */
  add(userId: UserId, deviceId: DeviceId): Promise<void>
  remove(userId: UserId, deviceId: DeviceId): Promise<void>
  /** The live nodes, other than this one, that hold a session of these people. Batched; rejects if the store does not answer, or may not have everybody's sessions again yet. */
  nodesOf(userIds: readonly UserId[]): Promise<Map<NodeName, UserId[]>>
  /** From memory: kept by heartbeats, and at once when a node starts or stops. */
  peers(): readonly NodeName[]
  /**
   * Whoever appends pushes to the sessions of this node, as far as it knows: they can be found, and no peer went without a word within the hour,
   * which may still append, and push to nobody.
   */
  readonly isPushedTo: boolean
  /**
   * Called when sessions of this node could not be found for a while and now can be again, and when a peer has died, also one that is
   * back under its name at once: pushes to them may have been lost.
   * Returns what removes the handler.
   */
  onFoundAgain(handler: () => void): () => void
  /** Called when sessions of a peer could not be found for a while and now can be again. Returns what removes the handler. */
  onPeerBack(handler: () => void): () => void
  /** Withdraws this node and its sessions. */
  close(): Promise<void>
}

export interface Timing {
  readonly heartbeatMs: number
  readonly deadAfterMs: number
}

/**
 * Four heartbeats may be lost before a node is given up: a long garbage collection is no death. Its peers look once a
 * heartbeat, so they know 29 s after its last one at most, and have a second to say within 30 s that its people are offline.
 */
export const DEFAULT_TIMING: Timing = { heartbeatMs: 5_000, deadAfterMs: 24_000 }

/** What a shared memory must be able to do for the session directory. `directory.ts` says what is promised on top of it. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { NodeName } from './directory.ts'

/** How a person's session stands now, not what was done: writing it twice, or only the last of several, comes to the same. */
export interface SessionChange {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly connected: boolean
}

/**
 * The store for one node. Its own sessions and heartbeat are written by no other process, except that the others may
 * forget a node that is dead.
 */
export interface NodeStore {
  /** This node is alive. `forgotten`: the store has lost what this node had written (or never had it), so write all again. */
  beat(): Promise<'known' | 'forgotten'>
  /** All or nothing is not required; every change may be repeated. */
  write(changes: readonly SessionChange[]): Promise<void>
  /** Removes the node's heartbeat and all its sessions. */
  withdraw(): Promise<void>
}

export interface SessionStore {
  node(name: NodeName): NodeStore
  /** Nodes with a heartbeat; forgets what the dead ones left behind. */
  liveNodes(): Promise<readonly NodeName[]>
  /** Live nodes, `candidates` at least if they are live, that hold sessions of these people. */
  find(userIds: readonly UserId[], candidates: readonly NodeName[]): Promise<readonly Holding[]>
  close(): Promise<void>
}

export interface Holding {
  readonly node: NodeName
  readonly userId: UserId
}

/** The session directory on top of any store: heartbeats, peers, batching. Knows no database. */
import type { UserId } from '../../domain/ids.ts'
import type { Bus } from '../bus/bus.ts'
import { coalesce } from '../coalesce.ts'
import type { Logger } from '../logging.ts'
import { DEFAULT_TIMING, type NodeName, type SessionDirectory, type Timing } from './directory.ts'
import { createOwnSessions } from './own-sessions.ts'
import { createPeers } from './peers.ts'
import type { Holding, SessionStore } from './store.ts'

export interface DirectoryDeps {
  readonly store: SessionStore
  readonly bus: Bus
  readonly log: Logger
  /** Absent: an observer, which has no sessions of its own and is nobody's peer. */
  readonly node?: NodeName | undefined
  readonly timing?: Timing | undefined
}

/** Lookups that wait for the store; each is one message's members. */
const MAX_LOOKUPS = 200

export async function createSessionDirectory(deps: DirectoryDeps): Promise<SessionDirectory> {
  const { store, bus, log, node, timing = DEFAULT_TIMING } = deps
  const own = node === undefined ? undefined : store.node(node)
  const foundAgain = new Set<() => void>()
  /**
   * known ──forgotten, not written, or a heartbeat unanswered──▶ hidden ──written, and announced──▶ shown ──a heartbeat later──▶ known
   * While hidden, peers do not push to sessions of this node; a heartbeat after they are shown, all peers surely do. Until then it asks for
   * nobody either: where the store forgot this node, or was away, others may have to write theirs anew, too.
   */
  let standing: 'known' | 'hidden' | 'shown' = 'known'
  const sessions =
    own &&
    createOwnSessions(own, (error) => {
      standing = 'hidden'
      log.warn({ err: error }, 'sessions not written yet')
    })
  const tellFoundAgain = () => {
    for (const tell of foundAgain) tell()
  }
  const peersBack = new Set<() => void>()
  const peers = await createPeers({
    bus,
    self: node,
    settleMs: timing.heartbeatMs,
    onDied: tellFoundAgain,
    onBack: () => {
      for (const tell of peersBack) tell()
    },
  })

  /** A heartbeat marks as well as asks: if its answer was lost, `forgotten` may have been lost with it, and is not said again. */
  async function isKnown(): Promise<boolean> {
    try {
      return (await own?.beat()) !== 'forgotten'
    } catch (error) {
      sessions?.forgotten()
      standing = 'hidden'
      throw error
    }
  }

  async function beat(): Promise<void> {
    try {
      const known = await isKnown()
      if (standing === 'shown') {
        standing = 'known'
        tellFoundAgain()
      }
      if (!known && sessions) {
        if (sessions.count > 0)
          log.warn({ sessions: sessions.count }, 'the session store had forgotten this node')
        sessions.forgotten()
        standing = 'hidden'
      }
      const wereHidden = standing === 'hidden'
      if (wereHidden) standing = 'shown'
      await sessions?.flush()
      if (wereHidden && (standing as string) === 'shown') peers.announce('up')
      const found = await store.liveNodes()
      // What stood still may have been the store: then no heartbeat of theirs was written either.
      const live = (standing as string) === 'known' ? found : [...new Set([...found, ...peers.names()])]
      // A peer that died without a word may have appended what it did not push any more.
      if (peers.names().some((name) => !live.includes(name))) tellFoundAgain()
      peers.seen(live)
    } catch (error) {
      log.warn({ err: error }, 'no heartbeat: the session store does not answer')
    }
  }

  const lookups = coalesce<readonly UserId[], readonly Holding[]>(MAX_LOOKUPS, (asked) =>
    store.find([...new Set(asked.flat())], peers.names()),
  )

  // 1. What an earlier process of this name left behind is gone. 2. The store knows this node. 3. The peers hear of it.
  await own?.withdraw()
  await own?.beat()
  peers.seen(await store.liveNodes())
  peers.announce('starts')

  let beating: Promise<void> = Promise.resolve()
  let underWay = false
  const timer = setInterval(() => {
    // A slow store must not pile heartbeats up.
    if (underWay) return
    underWay = true
    beating = beat().finally(() => {
      underWay = false
    })
  }, timing.heartbeatMs)

  return {
    add: async (userId, deviceId) => sessions?.add(userId, deviceId),
    remove: async (userId, deviceId) => sessions?.remove(userId, deviceId),
    async nodesOf(userIds) {
      const found = new Map<NodeName, UserId[]>()
      // Alone in the world: no need to ask, and that is the usual case.
      if (userIds.length === 0 || peers.names().length === 0) return found
      if (standing !== 'known') throw new Error('the session store may not have all sessions again yet')
      const asked = new Set(userIds)
      for (const { node: holder, userId } of await lookups.add(userIds)) {
        if (holder === node || !asked.has(userId)) continue
        const people = found.get(holder)
        if (people) people.push(userId)
        else found.set(holder, [userId])
      }
      return found
    },
    peers: peers.names,
    get isPushedTo() {
      return standing === 'known' && !peers.areMissed
    },
    onFoundAgain(handler) {
      foundAgain.add(handler)
      return () => foundAgain.delete(handler)
    },
    onPeerBack(handler) {
      peersBack.add(handler)
      return () => peersBack.delete(handler)
    },
    async close() {
      clearInterval(timer)
      await beating
      await sessions?.flush()
      await own?.withdraw().catch((error: unknown) => log.warn({ err: error }, 'sessions not withdrawn'))
      peers.announce('down')
      await peers.close()
      await store.close()
    },
  }
}

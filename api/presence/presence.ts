/** Presence, composed: who is here, who watches whom, what is recorded of it, and what the nodes tell each other about it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { v4 as uuidv4 } from 'uuid'
import type { Privacy } from '../../domain/events.ts'
import type { Millis, UserId } from '../../domain/ids.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Answer } from '../../ledger/mailbox/contract.ts'
import { acquaintancesOf } from '../../projections/queries/acquaintances.ts'
import type { ProjectionWaiter } from '../../projections/queries/projection-waiter.ts'
import { answer, createAsker } from '../../runtime/bus/ask.ts'
import type { Bus } from '../../runtime/bus/bus.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Hub } from '../gateway/hub.ts'
import type { Session } from '../gateway/session.ts'
import { createAskedWatches } from './asked-watches.ts'
import { createAttendanceRegister } from './attendance.ts'
import { createKnownPrivacy } from './known-privacy.ts'
import { startLostDevices } from './lost-devices.ts'
import { createMoves, type MovesMessage } from './moves.ts'
import { createWatches } from './watches.ts'
import {
  createFindPeople,
  latest,
  notYetToCome,
  type SeenAnswer,
  type SeenQuestion,
  seenHere,
  type Whereabouts,
} from './whereabouts.ts'

export interface PresenceDeps {
  readonly node: string
  readonly pool: pg.Pool
  readonly ledger: Pick<Ledger, 'head'>
  readonly waiter: ProjectionWaiter
  readonly handler: Pick<CommandHandler, 'attend'>
  readonly bus: Bus
  readonly directory: SessionDirectory
  readonly hub: Hub
  readonly allows: () => boolean
  readonly report: (error: unknown) => void
}

/** To all nodes, on `PRESENCE_CHANNEL`. */
type PresenceMessage =
  | MovesMessage
  | { readonly kind: 'privacy'; readonly userId: UserId; readonly privacy: Privacy }

export interface Presence {
  /** The session is in the hub; `added` resolves when the other nodes can find it. */
  arrived(session: Session, added: Promise<void>): void
  /** It is out of the hub; `removed` resolves when the other nodes can see that. */
  left(session: Session, removed: Promise<void>): void
  /** Reads what the person shares; before anything of the session is carried out. */
  loadPrivacy(session: Session): Promise<void>
  did(session: Session): void
  didWithoutSession(userId: UserId): void
  watch(session: Session, userIds: readonly UserId[]): void
  /** Whether this person shares a conversation with `who` may have changed; where they are the same, with anybody. */
  acquaintancesChanged(userId: UserId, who: UserId): void
  /** How `userId` is seen by `viewer`; nothing if they share no conversation. Rejects if nobody can tell now. */
  seenBy(
    viewer: UserId,
    userId: UserId,
  ): Promise<{ readonly online: boolean; readonly lastSeen: Millis | null } | undefined>
  /** Of somebody who has a session here, or changed it lately. */
  hidesReading(userId: UserId): boolean
  /** To be waited for before a reading is recorded, so that `hidesReading` can tell; nothing if it can already. */
  beforeReading(userId: UserId): Promise<void> | undefined
  privacy(userId: UserId): Promise<Privacy>
  changePrivacy(userId: UserId, change: Partial<Privacy>): Promise<Answer<Privacy>>
  /** A question of another node. */
  asked(question: SeenQuestion): void
  close(): Promise<void>
}

const PRESENCE_CHANNEL = 'presence'
/** A move that was lost between nodes is found after this long. */
const SWEEP_MS = 20_000
/** Longer than read models are behind, unless something is wrong. */
const PATIENCE_MS = 5_000
/** Between two looks at a ledger that does not answer. */
const RETRY_MS = 1_000
/** What is not recorded by then is left to whoever notices. */
const CLOSE_MS = 3_000

export async function createPresence(deps: PresenceDeps): Promise<Presence> {
  const { node, pool, ledger, waiter, handler, bus, directory, hub, allows, report } = deps
  const register = createAttendanceRegister(handler, node, report)
  const known = createKnownPrivacy(pool)
  const asker = await createAsker(bus)
  const find = createFindPeople({
    pool,
    hub,
    directory,
    asker,
    hidesLastSeen: (userId) => {
      const changed = known.changedLately(userId)
      return changed && changed.lastSeen === 'hidden'
    },
    lastSeenHere: (userId) => latest(register.lastSeenHere(userId), moves.lastSeenElsewhere(userId)),
    heard: (userId, at) => moves.heard(userId, at),
  })

  async function acquaintances(userId: UserId, others: readonly UserId[]): Promise<ReadonlySet<UserId>> {
    if (!(await waiter.waitFor(await ledger.head(), PATIENCE_MS)))
      throw new Error('the read models are behind')
    const found = new Set(await acquaintancesOf(pool, userId, others))
    // One knows oneself.
    return others.includes(userId) ? found.add(userId) : found
  }

  const watches = createWatches({ find, acquaintances, allows, report })
  const askedWatches = createAskedWatches()
  const moves = createMoves({
    bus,
    channel: PRESENCE_CHANNEL,
    node,
    hasPeers: () => directory.peers().length > 0,
  })

  function privacyChanged(userId: UserId, privacy: Privacy): void {
    known.changed(userId, privacy)
    for (const session of hub.sessionsOf(userId)) {
      if (session.attendance) session.attendance.privacy = privacy
      watches.recheck(session, userId)
    }
  }

  const unsubscribe = await bus.subscribe(PRESENCE_CHANNEL, (payload) => {
    const message = JSON.parse(payload) as PresenceMessage
    switch (message.kind) {
      case 'moves':
        return watches.moved(moves.received(message))
      case 'privacy':
        privacyChanged(message.userId, message.privacy)
        return watches.moved([message.userId])
      default:
        message satisfies never
    }
  })

  const hearAgain = () => {
    watches.recheckAll()
    readPrivacyAgain(performance.now()).catch(report)
  }
  const offGap = bus.onGap(hearAgain)
  // Of a node that died nobody knows what it did not tell any more.
  const offFoundAgain = directory.onFoundAgain(hearAgain)
  // Its people may have been told offline meanwhile.
  const offPeerBack = directory.onPeerBack(watches.movedAll)
  let closed = false
  /** Of the last sweep: what a node did not tell before it stopped is found once more after it has gone. */
  let hadPeers = false
  const sweeping = setInterval(() => {
    const hasPeers = directory.peers().length > 0
    if (hasPeers || hadPeers) watches.movedAll()
    hadPeers = hasPeers
  }, SWEEP_MS)
  const stopLostDevices = startLostDevices({ pool, node, peers: directory.peers, register, report })

  /** Changes that were not heard of are in the ledger, and are read once the read models have them. */
  async function readPrivacyAgain(missedUntil: number): Promise<void> {
    while (!closed) {
      try {
        if (!(await waiter.waitFor(await ledger.head(), PATIENCE_MS))) continue
        known.forget(missedUntil)
        await Promise.all([...hub.all()].map(loadPrivacy))
        return watches.recheckAll()
      } catch (error) {
        report(error)
        await sleep(RETRY_MS)
      }
    }
  }

  async function loadPrivacy(session: Session): Promise<void> {
    const privacy = await known.of(session.userId)
    if (session.attendance) session.attendance.privacy = privacy
  }

  /** At once for those who watch here, and for other nodes as soon as they would find the same. */
  function move({ userId, attendance }: Session, settled: Promise<void>): void {
    watches.moved([userId])
    settled.then(() => moves.tell(userId, attendance?.seenAt)).catch(report)
  }

  return {
    arrived: (session, added) => {
      register.arrived(session)
      move(session, added)
      const list = session.isPolling ? askedWatches.take(session) : undefined
      if (list) watches.watch(session, list)
    },
    left: (session, removed) => {
      watches.remove(session)
      register.left(session)
      move(session, removed)
    },
    loadPrivacy,
    did: (session) => {
      register.did(session)
      // With a session it shows when it ends.
      if (!session.attendance) watches.moved([session.userId])
    },
    didWithoutSession: (userId) => {
      register.didWithoutSession(userId)
      watches.moved([userId])
    },
    watch: (session, userIds) => {
      // Frames that come over HTTP are of a device that polls, or is about to.
      const attending = session.attendance
        ? session
        : hub.sessionsOf(session.userId).find(({ deviceId }) => deviceId === session.deviceId)
      if (attending) watches.watch(attending, userIds)
      else askedWatches.keep(session, userIds)
    },
    acquaintancesChanged: (userId, who) => {
      for (const session of hub.sessionsOf(userId)) watches.recheck(session, who)
    },
    seenBy: async (viewer, userId) => {
      if (!(await acquaintances(viewer, [userId])).has(userId)) return undefined
      const [found, { lastSeen: shares }] = await Promise.all([find([userId]), known.of(viewer)])
      const { online, lastSeen, hidesLastSeen } = found.get(userId) as Whereabouts
      const hidden = viewer !== userId && (hidesLastSeen || shares === 'hidden')
      return { online, lastSeen: hidden ? null : notYetToCome(lastSeen) }
    },
    // Of whom nothing is known, nothing is told: their ticks are found by whoever looks.
    hidesReading: (userId) => known.current(userId)?.readReceipts !== 'shared',
    beforeReading: (userId) =>
      known.current(userId) === undefined ? known.of(userId).then(() => {}) : undefined,
    privacy: known.of,
    changePrivacy: async (userId, change) => {
      const answered = await handler.attend(userId, {
        type: 'change-privacy',
        at: Date.now() as Millis,
        change,
        envelope: { commandId: uuidv4(), actorId: userId, actorKind: 'user' },
      })
      if (answered.kind === 'done') {
        const told: PresenceMessage = { kind: 'privacy', userId, privacy: answered.result }
        privacyChanged(userId, answered.result)
        bus.publish(PRESENCE_CHANNEL, JSON.stringify(told))
      }
      return answered
    },
    asked: (question) => {
      const seen = question.userIds.flatMap((userId) => {
        const at = seenHere(hub, userId)
        return at === undefined ? [] : [[userId, at] as const]
      })
      answer(bus, question, { seen } satisfies SeenAnswer)
    },
    close: async () => {
      closed = true
      clearInterval(sweeping)
      offGap()
      offFoundAgain()
      offPeerBack()
      watches.close()
      await stopLostDevices()
      moves.close()
      await unsubscribe()
      await asker.close()
      await register.close(CLOSE_MS)
    },
  }
}

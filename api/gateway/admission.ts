/** How a session comes in and goes out, on a socket or by long poll: who is found by other nodes, and who is the newest. */
import type { DeviceId, UserId } from '../../domain/ids.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Presence } from '../presence/presence.ts'
import { ApiProblem } from '../problem.ts'
import type { Claims } from './claims.ts'
import type { DevicePositions, DeviceStarted } from './device-positions.ts'
import type { Expiry } from './expiry.ts'
import type { Hub } from './hub.ts'
import type { Session } from './session.ts'

export interface AdmissionDeps {
  readonly hub: Hub
  readonly directory: SessionDirectory
  readonly ledger: Ledger
  readonly positions: DevicePositions
  readonly claims: Claims
  readonly expiry: Expiry
  readonly presence: Pick<Presence, 'arrived' | 'left' | 'loadPrivacy'>
  readonly report: (error: unknown) => void
}

export interface Admission {
  /** Before a session of this device is made. @throws ApiProblem `rate_limited` when its person has too many others here. */
  checkRoom(userId: UserId, deviceId: DeviceId): void
  /**
   * From here on it gets what happens: what it missed is read afterwards, so that nothing falls in between. Older sessions of its
   * device are closed, here and on other nodes.
   */
  admit(session: Session): Promise<DeviceStarted>
  /** The device is here again, on a session that was admitted before: it may have been elsewhere meanwhile, and this is newer. */
  claimAnew(session: Session): Promise<void>
  /** When it is over, however it ended; again, nothing. */
  dismiss(session: Session): void
}

/** Sockets of devices that are gone without a word are noticed in this time. */
const RETRY_MS = 30_000
/** Instead of the promise of each, which a session would hold for hours. */
const LONG_SINCE = Promise.resolve()

export function createAdmission(deps: AdmissionDeps): Admission {
  const { hub, directory, ledger, positions, claims, expiry, presence, report } = deps
  /** Of whoever was admitted and not dismissed yet: when others find them. */
  const found = new WeakMap<Session, Promise<void>>()

  const start = async ({ userId, deviceId }: Session): Promise<DeviceStarted> =>
    positions.start(userId, deviceId, await ledger.head())

  function claim(session: Session, started: DeviceStarted): void {
    session.claim = started.claim
    void claims.tell([session])
  }

  return {
    checkRoom: (userId, deviceId) => {
      const here = hub.sessionsOf(userId)
      // A device that is here already takes the place of its older session.
      if (here.length < LIMITS.connectedDevices || here.some((one) => one.deviceId === deviceId)) return
      const most = `at most ${LIMITS.connectedDevices} devices of a person are connected to a node`
      throw new ApiProblem('rate_limited', most, RETRY_MS)
    },
    admit: async (session) => {
      const { userId, deviceId } = session
      hub.add(session)
      expiry.expect(session.expiresAt)
      const added = directory.add(userId, deviceId)
      found.set(session, added)
      presence.arrived(session, added)
      await added
      if (found.has(session)) found.set(session, LONG_SINCE)
      const [started] = await Promise.all([start(session), presence.loadPrivacy(session)])
      claim(session, started)
      return started
    },
    claimAnew: async (session) => {
      if (directory.peers().length === 0) return
      const before = session.claim
      // What comes meanwhile is compared once there is a new one.
      session.claim = undefined
      try {
        claim(session, await start(session))
      } catch (error) {
        // What came meanwhile was compared with nothing: whoever holds more than the old one answers with it.
        session.claim ??= before
        void claims.tell([session])
        throw error
      }
    },
    dismiss: (session) => {
      const { userId, deviceId } = session
      session.closed()
      hub.remove(session)
      // Not before it is there: a removal that comes first would remove nothing.
      const removed = found.get(session)?.then(() => directory.remove(userId, deviceId))
      found.delete(session)
      if (!removed) return
      removed.catch(report)
      presence.left(session, removed)
    },
  }
}

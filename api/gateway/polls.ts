/**
 * The devices of this node that poll: one session for each, from its first poll until it stays away. A poll waits until there is
 * something after the position it came with, reads it as a page of what the device missed, and answers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceId } from '../../domain/ids.ts'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import type { ProjectionWaiter } from '../../projections/queries/projection-waiter.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import type { ServerFrame } from '../../protocol/server-frames.ts'
import { ANSWER_WITHIN_MS, whileAnswering } from '../answer-in-time.ts'
import { type Identity, LOGIN_CLAIM } from '../auth/identity.ts'
import type { ApiDeps } from '../deps.ts'
import type { OpenBodiesDeps } from '../messages/open-bodies.ts'
import { ApiProblem } from '../problem.ts'
import { networkOf } from '../rate-limits/network-of.ts'
import { frameSource } from '../rate-limits/rate-limits.ts'
import type { Admission } from './admission.ts'
import type { Device, DevicePositions, DeviceStarted } from './device-positions.ts'
import { createDispatch, type DispatchDeps } from './dispatch.ts'
import type { Expiry } from './expiry.ts'
import { createFrameLimits } from './frame-limits.ts'
import { type MissedPage, missedPage } from './missed-page.ts'
import { createPollSession, type PollSession, type PollTurn } from './poll-session.ts'
import type { Turns } from './turns.ts'

export interface PollsDeps
  extends OpenBodiesDeps,
    Pick<ApiDeps, 'rateSocket' | 'rateLimits' | 'databaseAnswers'> {
  readonly ledger: Ledger
  readonly waiter: ProjectionWaiter
  readonly positions: DevicePositions
  readonly admission: Admission
  readonly expiry: Pick<Expiry, 'expect'>
  readonly turns: Turns
  readonly dispatchDeps: DispatchDeps
  /** How long a device that does not come back still counts as connected. */
  readonly lingerMs?: number
}

export interface Poll {
  readonly deviceId: DeviceId
  /** Everything up to here is kept by the device; absent: what it has said so far counts. */
  readonly after?: Position | undefined
  readonly waitMs: number
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
}

export interface FramesOverHttp {
  readonly deviceId: DeviceId
  readonly address: string
  readonly frames: readonly unknown[]
}

export interface Polls {
  /**
   * @throws ApiProblem `conflict` when the same device connected again meanwhile, `unavailable` when the read models are behind or
   * nothing answers,
   * `rate_limited` when too many devices of its person are connected.
   */
  poll(identity: Identity, poll: Poll): Promise<MissedPage>
  /** Carries frames out and answers the frames that answer them. */
  perform(identity: Identity, frames: FramesOverHttp): Promise<readonly string[]>
  /** Ends those that wait, and every later one at once. Resolves when those that were here have their answers. */
  disconnect(): Promise<void>
  /** No poll comes any more. The devices of those that came after `disconnect` are gone, too. */
  close(): void
}

interface Attendance {
  readonly session: PollSession
  readonly admitted: Promise<DeviceStarted>
  polls: number
  awaySince: number
}

const SWEEP_MS = 1_000
/** Offline after 30 s, like a socket that says nothing. */
const LINGER_MS = 30_000 - SWEEP_MS
/** How long a node that stops waits for polls that are reading. */
const GOODBYE_MS = 2_000

const nameOf = ({ userId, deviceId }: Device): string => `${userId} ${deviceId}`
const least = (a: Position, b: Position): Position => (a < b ? a : b)

export function createPolls(deps: PollsDeps): Polls {
  const { ledger, waiter, positions, admission, expiry, turns, dispatchDeps, lingerMs = LINGER_MS } = deps
  const here = new Map<string, Attendance>()
  const underWay = new Set<Promise<unknown>>()
  let isStopping = false

  const sweeping = setInterval(() => {
    const now = performance.now()
    for (const { session, polls, awaySince } of [...here.values()]) {
      if (polls === 0 && now - awaySince > lingerMs) session.closed()
    }
  }, SWEEP_MS)

  function attend(identity: Identity, deviceId: DeviceId): Attendance {
    const known = here.get(nameOf({ userId: identity.sub, deviceId }))
    if (known) return known
    admission.checkRoom(identity.sub, deviceId)
    const session = createPollSession({
      identity,
      deviceId,
      onClosed: (closed) => {
        if (here.get(nameOf(closed))?.session === closed) here.delete(nameOf(closed))
        admission.dismiss(closed)
      },
    })
    const made = { session, admitted: admission.admit(session), polls: 0, awaySince: 0 }
    here.set(nameOf(session), made)
    made.admitted.catch(() => session.closed())
    return made
  }

  function poll(identity: Identity, asked: Poll): Promise<MissedPage> {
    const answering = answer(identity, isStopping ? { ...asked, waitMs: 0 } : asked)
    const ended = answering.catch(() => {}).finally(() => underWay.delete(ended))
    underWay.add(ended)
    return answering
  }

  async function answer(identity: Identity, { deviceId, after, waitMs, signal }: Poll): Promise<MissedPage> {
    const isBack = here.has(nameOf({ userId: identity.sub, deviceId }))
    const attendance = attend(identity, deviceId)
    const { session } = attendance
    attendance.polls++
    const turn = session.begin(identity.exp)
    session.loginId = identity[LOGIN_CLAIM]
    expiry.expect(identity.exp)
    signal.addEventListener('abort', turn.end)
    const read = async (): Promise<MissedPage> => {
      const { knownFrom } = await attendance.admitted
      const [kept] = await Promise.all([
        keptBy(session, after),
        // Or what this node hears only now, that the device polled another one before, would end this poll.
        isBack ? admission.claimAnew(session) : undefined,
      ])
      return answerWithin(session, turn, { kept, knownFrom }, performance.now() + waitMs)
    }
    try {
      // One that waits to be woken waits for nobody's answer.
      return await whileAnswering(async () => turn.isWaiting || deps.databaseAnswers(), read())
    } finally {
      turn.end()
      attendance.polls--
      attendance.awaySince = performance.now()
    }
  }

  async function keptBy(session: PollSession, after: Position | undefined): Promise<Position> {
    const head = await ledger.head()
    // Nobody was told of what is beyond the end: it is of another system, or of a time that was put back. What is known counts.
    if (after === undefined || after > head) {
      return (await positions.start(session.userId, session.deviceId, head)).kept
    }
    await positions.keepAnswered(session, after)
    return after
  }

  async function answerWithin(
    session: PollSession,
    turn: PollTurn,
    start: { readonly kept: Position; readonly knownFrom: Position },
    deadline: number,
  ): Promise<MissedPage> {
    let { kept } = start
    for (let looks = 0; ; looks++) {
      // 1. Whatever is pushed from here on wakes; what was before is in the ledger.
      turn.look()
      if (session.closedWith === CLOSE_CODES.replaced || !turn.isCurrent) {
        throw new ApiProblem('conflict', 'the same device polls or is connected elsewhere')
      }

      // 2. What the ledger has beyond what this device has, as the read models tell it.
      const head = await ledger.head()
      if (head > kept && session.mode !== 'closed') {
        if (!(await waiter.waitFor(head, ANSWER_WITHIN_MS))) {
          throw new ApiProblem('unavailable', 'the read models are behind the ledger', 1000)
        }
        // Not behind all who come back: it may be live, and one message away.
        const read = () => missedPage(deps, session, { ...start, kept }, head)
        const isOver = () => !turn.isCurrent || session.mode === 'closed'
        // Over while it waited: a device that polls again and again would have each of its polls read for.
        const page = await turns(async () => (isOver() ? undefined : await read()), 'begun')
        if (!page || !turn.isCurrent) continue
        if (page.frames.length > 0) return whole(page, session, looks === 0)
        kept = page.position
      }

      // 3. What no ledger has; or nothing. It goes with one answer only: that to the poll that has come since, if one has.
      if (!turn.isCurrent) continue
      const leftMs = deadline - performance.now()
      const page = { frames: session.takeSent(), position: kept, more: head > kept }
      if (page.frames.length > 0 || leftMs <= 0 || session.mode === 'closed') return page
      await turn.woken(leftMs)
    }
  }

  /** As on a socket, `live` comes after what was missed, and not after what happened while it was live. */
  function whole(page: MissedPage, session: PollSession, wasMissed: boolean): MissedPage {
    const frames = [...page.frames, ...session.takeSent()]
    if (page.more || !wasMissed) return { ...page, frames }
    const live: ServerFrame = { t: 'live', position: String(page.position) }
    return { ...page, frames: [...frames, JSON.stringify(live)] }
  }

  /** Beside whatever session the device has: nobody is replaced by it. */
  async function perform(
    identity: Identity,
    { deviceId, address, frames }: FramesOverHttp,
  ): Promise<readonly string[]> {
    const session = createPollSession({ identity, deviceId, onClosed: () => {} })
    const head = await ledger.head()
    const { kept } = await positions.start(session.userId, deviceId, head)
    const dispatch = createDispatch({
      ...dispatchDeps,
      keep: (device, position) => void positions.keepAnswered(device, least(position, head)),
      safePosition: () => kept,
    })
    const source = frameSource(identity.sub, deviceId, networkOf(address))
    const limits = createFrameLimits(deps.rateSocket, deps.rateLimits, source)
    // There is no connection to close: each frame has its answer, however many were bad before it.
    await dispatch.frames(session, { ...limits, bad: () => false, limited: () => false }, frames)
    session.closed()
    return session.takeSent()
  }

  return {
    poll,
    perform,
    disconnect: async () => {
      isStopping = true
      for (const { session } of [...here.values()])
        session.close(CLOSE_CODES.goingAway, 'the server is going away')
      await Promise.race([Promise.all(underWay), sleep(GOODBYE_MS, undefined, { ref: false })])
      // One turn for the answers to leave.
      await new Promise(setImmediate)
    },
    close: () => {
      clearInterval(sweeping)
      for (const { session } of [...here.values()]) session.closed()
    },
  }
}

/** The WebSocket side of the api, composed: hub, push, catching up, dispatch, and what other nodes say over the bus. */
import type { Committed } from '../../ledger/mailbox/contract.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import { answer, createAsker } from '../../runtime/bus/ask.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import type { Expired, Nudge, Nudged } from '../../runtime/bus/messages.ts'
import { reportErrors } from '../../runtime/calm-report.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { Login } from '../accounts/logins.ts'
import type { ApiDeps } from '../deps.ts'
import { createHeldReceipts } from '../load/held-receipts.ts'
import { createPresence, type Presence } from '../presence/presence.ts'
import { createTyping } from '../presence/typing.ts'
import type { SeenQuestion } from '../presence/whereabouts.ts'
import { createAdmission } from './admission.ts'
import { createCatchUp } from './catch-up.ts'
import { type ClaimMessage, createClaims } from './claims.ts'
import { createDevicePositions } from './device-positions.ts'
import { createDispatch, type DispatchDeps } from './dispatch.ts'
import { startExpiry } from './expiry.ts'
import { watchFreed } from './freed.ts'
import { createGaps } from './gaps.ts'
import { createGateways, type Gateways, type LoadQuestion, type NodeLoad } from './gateways.ts'
import { startHeartbeat } from './heartbeat.ts'
import { createHub } from './hub.ts'
import { createLogOuts, type LogOutMessage } from './log-outs.ts'
import { createMessagePages } from './message-pages.ts'
import { createPolls, type Polls } from './polls.ts'
import { createPush, type PushMessage, type ResyncMessage } from './push.ts'
import { createRenew } from './renewal.ts'
import { HEARTBEAT_MS, type SocketDeps, socketRoute } from './socket-route.ts'
import { tellExpired } from './tell-expired.ts'
import { createTurns } from './turns.ts'

export interface GatewayDeps extends ApiDeps {
  readonly bus: Bus
  readonly directory: SessionDirectory
  /** Where clients reach this node, if it is told. */
  readonly advertiseUrl: string | undefined
}

export interface Gateway {
  readonly route: ReturnType<typeof socketRoute>
  readonly polls: Polls
  readonly presence: Presence
  readonly gateways: Gateways
  committed(committed: Committed): void
  /** A log-in has ended: its sockets are closed, wherever they are. */
  loggedOut(login: Login): void
  /** Receipts that waited for a calmer moment are with the handler; later ones go there at once. */
  released(): Promise<void>
  /** Closes every socket with 1001, and answers every poll. */
  disconnect(): Promise<void>
  /** After the commands are done: what was pushed is on its way, what was kept is stored. */
  close(): Promise<void>
}

/** How often the number of sockets is taken. */
const COUNT_MS = 5_000

export async function createGateway(deps: GatewayDeps): Promise<Gateway> {
  const { bus, directory, log, metrics, node, load } = deps
  const report = reportErrors(log, 'the gateway met an error')
  const hub = createHub((userId, who) => presence.acquaintancesChanged(userId, who))
  const typing = createTyping({
    handler: deps.handler,
    tell: (announcement) => push.tell([announcement]),
    allows: () => load.allows('typing'),
  })
  const { refresh } = deps.handler
  const push = createPush({
    hub,
    bus,
    directory,
    refresh,
    report,
    admitsTyping: typing.admits,
    hidesReading: (userId) => presence.hidesReading(userId),
    beforeReading: (userId) => presence.beforeReading(userId),
  })
  const presence = await createPresence({ ...deps, hub, allows: () => load.allows('presence'), report })
  const positions = createDevicePositions(deps.pool, report, () => bus.isWhole && directory.isPushedTo)
  const turns = createTurns()
  const messagePages = createMessagePages({ ...deps, turns })
  const catchUp = createCatchUp({ ...deps, messagePages, turns, report })
  const stopWatchingFreed = await watchFreed({ ...deps, hub, report })
  const gaps = createGaps({ ...deps, report })
  const logOuts = createLogOuts({ hub, bus, directory, report })
  const claims = createClaims({ node, hub, bus, directory, report })
  const expiry = startExpiry(hub)
  const admission = createAdmission({ ...deps, hub, positions, claims, expiry, presence, report })

  const countFrame = metrics.tally('triptick_frames_total', 'Frames received from clients.', 'type')
  const countEvent = metrics.tally(
    'triptick_committed_events_total',
    'Facts appended by this process.',
    'type',
  )
  const sockets = metrics.gauge('triptick_sockets', 'Open WebSockets of this node.')

  const heldReceipts = createHeldReceipts(load)
  const dispatchDeps: DispatchDeps = {
    handler: deps.handler,
    load,
    presence,
    typing,
    heldReceipts,
    keep: positions.keep,
    safePosition: positions.safe,
    renew: createRenew(deps.verifyToken, expiry),
    onFrame: countFrame,
    report,
  }
  const dispatch = createDispatch(dispatchDeps)
  const polls = createPolls({ ...deps, positions, admission, expiry, turns, dispatchDeps })

  const asker = await createAsker(bus)
  const ownLoad = (): NodeLoad => ({
    node,
    sessions: hub.size,
    ...(deps.advertiseUrl === undefined ? {} : { url: deps.advertiseUrl }),
  })
  const unsubscribe = await bus.subscribe(nodeChannel(node), (payload) => {
    const message = JSON.parse(payload) as
      | PushMessage
      | ResyncMessage
      | ClaimMessage
      | LogOutMessage
      | SeenQuestion
      | LoadQuestion
      | Expired
      | Nudge
    switch (message.kind) {
      case 'push':
        return push.received(message)
      case 'resync':
        for (const userId of message.userIds) {
          for (const session of hub.sessionsOf(userId)) session.resync()
          presence.acquaintancesChanged(userId, userId)
        }
        return
      case 'seen':
        return presence.asked(message)
      case 'claim':
        return claims.received(message)
      case 'log-out':
        return logOuts.received(message)
      case 'how-busy':
        return answer(bus, message, ownLoad())
      case 'expired':
        return void tellExpired(deps.handler, hub, message).catch(report)
      case 'nudge': {
        const sessions = hub.sessionsOf(message.userId)
        for (const session of sessions) session.nudge()
        const pushed = sessions.filter(({ isThere }) => isThere).length
        return answer(bus, message, { pushed } satisfies Omit<Nudged, 'id'>)
      }
    }
  })
  // Pushes may have been lost: everybody here looks for themselves, and so does who knows the members of a conversation.
  const resyncAll = () => {
    deps.handler.outdate()
    const all = [...hub.all()]
    for (const session of all) session.resync()
    void claims.tell(all)
  }
  const offGap = bus.onGap(resyncAll)
  const offFoundAgain = directory.onFoundAgain(resyncAll)

  const counting = setInterval(() => sockets.set(hub.size), COUNT_MS)
  const stopHeartbeat = startHeartbeat(hub, HEARTBEAT_MS, admission.dismiss)

  const socketDeps: SocketDeps = { ...deps, hub, admission, positions, catchUp, gaps, dispatch }
  return {
    route: socketRoute(socketDeps),
    presence,
    polls,
    gateways: createGateways({ own: ownLoad, asker, directory }),
    committed: (committed) => {
      push.committed(committed)
      positions.seen(committed.position)
      for (const { type } of committed.events) countEvent(type)
    },
    loggedOut: (login) => void logOuts.tell(login),
    released: heldReceipts.close,
    disconnect: async () => {
      const answered = polls.disconnect()
      hub.closeAll(CLOSE_CODES.goingAway, 'the server is going away')
      await answered
    },
    close: async () => {
      clearInterval(counting)
      expiry.stop()
      stopHeartbeat()
      await stopWatchingFreed()
      gaps.close()
      polls.close()
      offGap()
      offFoundAgain()
      await unsubscribe()
      await asker.close()
      await push.drained()
      await presence.close()
      await positions.close()
    },
  }
}

/** The WebSocket side of the api, composed: hub, push, catching up, dispatch, and what other nodes say over the bus. */
import type { Committed } from '../../ledger/mailbox/contract.ts'
import { CLOSE_CODES } from '../../protocol/errors.ts'
import { answer } from '../../runtime/bus/ask.ts'
import { type Bus, nodeChannel } from '../../runtime/bus/bus.ts'
import type { Nudge, Nudged } from '../../runtime/bus/messages.ts'
import type { SessionDirectory } from '../../runtime/sessions/directory.ts'
import type { ApiDeps } from '../deps.ts'
import { createHeldReceipts } from '../load/held-receipts.ts'
import { createCatchUp } from './catch-up.ts'
import { type ClaimMessage, createClaims } from './claims.ts'
import { createDevicePositions } from './device-positions.ts'
import { createDispatch } from './dispatch.ts'
import { startExpiry } from './expiry.ts'
import { createGaps } from './gaps.ts'
import { startHeartbeat } from './heartbeat.ts'
import { createHub } from './hub.ts'
import { createPush, type PushMessage, type ResyncMessage } from './push.ts'
import { createRenew } from './renewal.ts'
import type { Session } from './session.ts'
import { HEARTBEAT_MS, type SocketDeps, socketRoute } from './socket-route.ts'

export interface GatewayDeps extends ApiDeps {
  readonly bus: Bus
  readonly directory: SessionDirectory
}

export interface Gateway {
  readonly route: ReturnType<typeof socketRoute>
  committed(committed: Committed): void
  /** Receipts that waited for a calmer moment are with the handler; later ones go there at once. */
  released(): Promise<void>
  /** Closes every socket with 1001. */
  disconnect(): void
  /** After the commands are done: what was pushed is on its way, what was kept is stored. */
  close(): Promise<void>
}

/** How often the number of sockets is taken. */
const COUNT_MS = 5_000

export async function createGateway(deps: GatewayDeps): Promise<Gateway> {
  const { bus, directory, log, metrics, node } = deps
  const report = (error: unknown) => log.error({ err: error }, 'the gateway met an error')
  const hub = createHub()
  const push = createPush({ hub, bus, directory, refresh: deps.handler.refresh, report })
  const positions = createDevicePositions(deps.pool, report)
  const catchUp = createCatchUp({ ...deps, report })
  const gaps = createGaps({ ...deps, report })
  const claims = createClaims({ node, hub, bus, directory, report })

  const frames = metrics.counter('triptick_frames_total', 'Frames received from clients.', ['type'])
  const events = metrics.counter('triptick_committed_events_total', 'Facts appended by this process.', [
    'type',
  ])
  const sockets = metrics.gauge('triptick_sockets', 'Open WebSockets of this node.')

  const heldReceipts = createHeldReceipts(deps.load)
  const expiry = startExpiry(hub)
  const dispatch = createDispatch({
    handler: deps.handler,
    load: deps.load,
    heldReceipts,
    keep: positions.keep,
    safePosition: positions.safe,
    renew: createRenew(deps.verifyToken, expiry),
    onFrame: (type) => frames.inc({ type }),
    report,
  })

  const resync = (session: Session) => {
    if (session.mode !== 'closed') void catchUp.resume(session)
  }

  const unsubscribe = await bus.subscribe(nodeChannel(node), (payload) => {
    const message = JSON.parse(payload) as PushMessage | ResyncMessage | ClaimMessage | Nudge
    switch (message.kind) {
      case 'push':
        return push.received(message)
      case 'resync':
        for (const userId of message.userIds) hub.sessionsOf(userId).forEach(resync)
        return
      case 'claim':
        return claims.received(message)
      case 'nudge': {
        const sessions = hub.sessionsOf(message.userId)
        // Who is catching up is being sent what the nudge is about.
        for (const session of sessions) if (session.mode === 'live') resync(session)
        return answer(bus, message, { pushed: sessions.length } satisfies Omit<Nudged, 'id'>)
      }
    }
  })
  // Pushes may have been lost: everybody here looks for themselves.
  const resyncAll = () => {
    const all = [...hub.all()]
    all.forEach(resync)
    void claims.tell(all)
  }
  const offGap = bus.onGap(resyncAll)
  const offFoundAgain = directory.onFoundAgain(resyncAll)

  const counting = setInterval(() => sockets.set(hub.size), COUNT_MS)
  const stopHeartbeat = startHeartbeat(hub, HEARTBEAT_MS)

  const socketDeps: SocketDeps = { ...deps, hub, positions, catchUp, gaps, claims, expiry, dispatch }
  return {
    route: socketRoute(socketDeps),
    committed: (committed) => {
      push.committed(committed)
      positions.seen(committed.position)
      for (const { type } of committed.events) events.inc({ type })
    },
    released: heldReceipts.close,
    disconnect: () => {
      for (const session of [...hub.all()]) session.close(CLOSE_CODES.goingAway, 'the server is going away')
    },
    close: async () => {
      clearInterval(counting)
      expiry.stop()
      stopHeartbeat()
      gaps.close()
      offGap()
      offFoundAgain()
      await unsubscribe()
      await push.drained()
      await positions.close()
    },
  }
}

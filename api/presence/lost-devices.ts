/**
 * Ends, in the ledger, connections whose node is gone without a word. Whoever notices says so; the decider takes it once.
 *
 *   live node ──missing in the session directory──▶ suspect ──still missing after `LOST_AFTER_MS`──▶ its connections have ended
 *
 * A process that starts under a name that was used before ends what the earlier one has left behind.
 */
import type pg from 'pg'
import type { Millis } from '../../domain/ids.ts'
import {
  type ConnectedDevice,
  connectedBefore,
  connectedElsewhere,
} from '../../projections/queries/connected-devices.ts'
import type { AttendanceRegister } from './attendance.ts'

export interface LostDevicesDeps {
  readonly pool: pg.Pool
  readonly node: string
  readonly peers: () => readonly string[]
  readonly register: Pick<AttendanceRegister, 'prefix' | 'record'>
  readonly report: (error: unknown) => void
  readonly everyMs?: number
  readonly lostAfterMs?: number
}

const EVERY_MS = 10_000
/** On top of the time in which the session directory gives a node up: a store that forgot everything is filled again by then. */
const LOST_AFTER_MS = 15_000
/** More wait for the next look. */
const AT_ONCE = 500

/** The answer stops it. */
export function startLostDevices(deps: LostDevicesDeps): () => Promise<void> {
  const { pool, node, peers, register, report, everyMs = EVERY_MS, lostAfterMs = LOST_AFTER_MS } = deps
  const suspects = new Map<string, number>()
  /** Connections whose end was handed over, until the read models have it: while the ledger is away they would be handed over at every look. */
  let ended = new Set<string>()

  async function look(): Promise<void> {
    const live = [node, ...peers()]
    // All would find the same; one is enough.
    const [first] = [...live].sort()
    const lost = first === node ? await connectedElsewhere(pool, live, AT_ONCE) : []
    const now = performance.now()
    for (const name of suspects.keys())
      if (!lost.some((device) => device.node === name)) suspects.delete(name)
    const due: ConnectedDevice[] = []
    for (const device of lost) {
      const since = suspects.get(device.node)
      if (since === undefined) suspects.set(device.node, now)
      else if (now - since >= lostAfterMs) due.push(device)
    }
    due.push(...(await connectedBefore(pool, node, register.prefix, AT_ONCE)))
    for (const device of due) if (!ended.has(device.connection)) end(device)
    ended = new Set(due.map(({ connection }) => connection))
  }

  function end({ userId, deviceId, connection, node: lostNode }: ConnectedDevice): void {
    register.record(userId, {
      type: 'disconnect',
      at: Date.now() as Millis,
      deviceId,
      connection,
      node: lostNode,
      reason: 'node-lost',
      envelope: { commandId: connection, actorId: 'system', actorKind: 'system' },
    })
  }

  let looking: Promise<void> | undefined
  const timer = setInterval(() => {
    looking ??= look()
      .catch(report)
      .finally(() => {
        looking = undefined
      })
  }, everyMs)
  return async () => {
    clearInterval(timer)
    await looking
  }
}

/**
 * What came into the read models after its time: a conversation was parked, devices went on meanwhile, and it is freed. Where a device
 * that has gone on stands says nothing of it then. So whoever stands between the first of those events and the head of the
 * ledger when it was freed is sent them again, as far as they have not acknowledged them; who stands behind that has been sent them.
 *
 *   1. `projections/parked/note-freed.ts` notes where it begins, in the transaction that frees.
 *   2. Whoever sees that first, here, notes where it ends: at a head that is read afterwards.
 *   3. Each node looks for what is new of them, and lets those who are connected look.
 */
import type pg from 'pg'
import type { UserId } from '../../domain/ids.ts'
import type { Ledger, Position } from '../../ledger/ledger.ts'
import {
  type FreedConversation,
  freedConversations,
  freedSince,
  peopleEverIn,
  settleFreed,
} from '../../projections/queries/freed-conversations.ts'
import type { Device, DeviceStart } from './device-positions.ts'
import type { Hub } from './hub.ts'
import { type Missed, missedIn, readMissed } from './missed.ts'

export interface FreedDeps {
  readonly pool: pg.Pool
  readonly ledger: Pick<Ledger, 'head'>
}

export interface FreedAndSettled extends FreedConversation {
  readonly until: Position
}

/** A device is believed what it says of a minute ago (`device-positions.ts`): by then it has been let look. */
const LOOK_MS = 5_000

/** Of which a device that has kept what is up to `kept`, and no more, may have missed something before that; the first freed first. */
export const freedFor = (
  { pool, ledger }: FreedDeps,
  userId: UserId,
  kept: Position,
): Promise<readonly FreedAndSettled[]> => settled({ pool, ledger }, () => freedSince(pool, userId, kept))

async function settled(
  { pool, ledger }: FreedDeps,
  read: () => Promise<readonly FreedConversation[]>,
): Promise<readonly FreedAndSettled[]> {
  for (;;) {
    const freed = await read()
    if (freed.every(isSettled)) return freed
    await settleFreed(pool, await ledger.head())
  }
}

const isSettled = (freed: FreedConversation): freed is FreedAndSettled => freed.until !== null

/** What a device missed in these, since the first event in any of them that came late. */
export async function missedInFreed(
  pool: pg.Pool,
  device: Device,
  { kept, knownFrom }: DeviceStart,
  freed: readonly FreedConversation[],
): Promise<Missed | undefined> {
  const before = freed.reduce((first, { from }) => (from <= first ? ((from - 1n) as Position) : first), kept)
  const missed = await readMissed(pool, device, {
    kept: before,
    knownFrom: knownFrom < before ? knownFrom : before,
  })
  const ids = new Set(freed.map(({ conversationId }) => conversationId))
  return missed && missedIn(missed, (conversationId) => ids.has(conversationId))
}

export interface FreedWatchDeps extends FreedDeps {
  readonly hub: Pick<Hub, 'sessionsOf'>
  readonly report: (error: unknown) => void
  readonly lookMs?: number
}

/** Lets those who are connected here look at what they missed. To be there before anybody is; its end resolves when it has stopped. */
export async function watchFreed(deps: FreedWatchDeps): Promise<() => Promise<void>> {
  const { pool, hub, report, lookMs = LOOK_MS } = deps
  const known = new Set((await freedConversations(pool)).map(nameOf))
  let looking: Promise<void> | undefined

  async function look(): Promise<void> {
    const all = await settled(deps, () => freedConversations(pool))
    const fresh = all.filter((freed) => !known.has(nameOf(freed)))
    if (fresh.length === 0) return
    const people = await peopleEverIn(
      pool,
      fresh.map(({ conversationId }) => conversationId),
    )
    for (const userId of people) for (const session of hub.sessionsOf(userId)) session.resync()
    for (const freed of fresh) known.add(nameOf(freed))
  }

  const timer = setInterval(() => {
    looking ??= look()
      .catch(report)
      .finally(() => {
        looking = undefined
      })
  }, lookMs)
  return async () => {
    clearInterval(timer)
    await looking
  }
}

const nameOf = ({ conversationId, from, until }: FreedConversation): string =>
  `${conversationId} ${from} ${until}`

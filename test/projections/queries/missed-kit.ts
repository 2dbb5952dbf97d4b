/** What a device has missed, asked of read models that a past was projected into. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { DeviceId, Seq, UserId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'
import { missedChanges } from '../../../projections/queries/missed-changes.ts'
import { missedReceipts } from '../../../projections/queries/missed-receipts.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { conversationNumber, type Past } from '../../support/recorded-events.ts'
import { createWorld, type World } from '../support/world.ts'

export const [ann, bob, cy, dan] = ['ann', 'bob', 'cy', 'dan'] as unknown as [UserId, UserId, UserId, UserId]
export const [phone, laptop] = ['phone', 'laptop'] as unknown as [DeviceId, DeviceId]
export const group = conversationNumber(1)

export const startGroup = (past: Past, members: readonly UserId[] = [bob, cy]) =>
  past.converse(group, { type: 'start', kind: 'group', by: ann, members, title: 'us' })

export const acknowledge = (
  past: Past,
  userId: UserId,
  kind: 'delivered' | 'read',
  upTo: number,
  deviceId = phone,
) => past.deliver(group, { type: 'acknowledge', userId, deviceId, kind, upTo: upTo as Seq })

export const now = (past: Past): Position => past.events.at(-1)?.position ?? (0n as Position)

/** For the tests of one file; emptied after each. */
export function givenReadModels() {
  let world: World
  beforeAll(async () => {
    world = await createWorld('migrated')
  })
  afterAll(() => world.end())
  afterEach(() => world.clear())
  return {
    pool: () => world.pool,
    clear: () => world.clear(),
    project: (past: Past) => world.project(createMemoryLedger(past.events)),
    changesOf: (userId: UserId, since: Position, mostNamed = 100, limit = 1000) =>
      missedChanges(world.pool, userId, phone, since, { mostNamed, limit, upTo: (2n ** 62n) as Position }),
    receiptsOf: (userId: UserId, deviceId: DeviceId, since: Position, limit = 1000) =>
      missedReceipts(world.pool, userId, deviceId, since, limit),
  }
}

/** Without times and places. */
export const short = (receipts: Awaited<ReturnType<typeof missedReceipts>>) =>
  receipts.map(({ userId, kind, upTo }) => `${userId} ${kind} ${upTo}`)

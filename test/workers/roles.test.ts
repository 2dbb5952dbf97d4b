/** The workers role beside the projections role, on the real read models and the real bus: only the api node is the test's. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DeviceId, UserId } from '../../domain/ids.ts'
import { startProjections } from '../../projections/role.ts'
import { answer } from '../../runtime/bus/ask.ts'
import { nodeChannel } from '../../runtime/bus/bus.ts'
import type { Nudge } from '../../runtime/bus/messages.ts'
import { openBus } from '../../runtime/bus/open.ts'
import { readConfig } from '../../runtime/config.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { openSessionDirectory } from '../../runtime/sessions/open.ts'
import { startWorkers } from '../../workers/role.ts'
import { createWorld, log, pause, type World } from './delivery/kit.ts'

const masterKey = randomBytes(32)
let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(() => world.stop())

function contextFor(role: string) {
  const reading = readConfig({ DATABASE_URL: world.databaseUrl, TRIPTICK_DELIVERY_GRACE_MS: '3000' })
  if (!reading.ok) throw new Error('the configuration of this test is wrong')
  const secrets = { databaseUrl: world.databaseUrl, jwtSecret: 'x'.repeat(32), masterKey }
  return { config: { ...reading.config, ...secrets }, log, metrics: createMetrics(role) }
}

test('who does not acknowledge is nudged on the node that holds their socket; who is away is recorded as offline', async () => {
  const projections = await startProjections(contextFor('projections'))
  const bus = await openBus({ databaseUrl: world.databaseUrl, masterKey, node: 'api-1', log })
  const directory = await openSessionDirectory({ databaseUrl: world.databaseUrl, node: 'api-1', bus, log })
  const nudged: string[] = []
  await bus.subscribe(nodeChannel('api-1'), (payload) => {
    const nudge = JSON.parse(payload) as Nudge
    nudged.push(nudge.userId)
    answer(bus, nudge, { pushed: 1 })
  })
  await directory.add('bob' as UserId, 'phone' as DeviceId)
  const workers = await startWorkers(contextFor('workers'))
  try {
    const conversationId = await world.startConversation('ann', 'bob', 'cid', 'dan')
    await pause(200)
    const seq = await world.send(conversationId, 'ann')
    await world.acknowledge(conversationId, 'dan', seq)
    await vi.waitFor(
      async () => {
        // The first; on a busy machine further ones may have followed.
        expect((await world.attempts(conversationId, 'bob'))[0]).toBe('pushed 1')
        expect((await world.attempts(conversationId, 'cid'))[0]).toBe('offline 1')
      },
      // Whom the reactor missed, because it began to follow the ledger too late, the reconciler tries within half a minute.
      { timeout: 50_000, interval: 50 },
    )
    expect(new Set(nudged)).toEqual(new Set(['bob']))
    expect(await world.attempts(conversationId, 'dan')).toEqual([])
  } finally {
    await workers.stop()
    await directory.close()
    await bus.close()
    await projections.stop()
  }
}, 90_000)

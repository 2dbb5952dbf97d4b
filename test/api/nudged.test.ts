/** What the delivery worker's nudge does to a live socket whose person has not acknowledged. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, createCast, join } from '../support/chat.ts'
import { type DyingNode, startDyingNode } from '../support/dying-node.ts'
import { type System, startSystem } from '../support/system.ts'

let system: System
let dying: DyingNode
let url: string

beforeAll(async () => {
  system = await startSystem({ deliveryGraceMs: 200 })
  url = system.urls[0] as string
  dying = startDyingNode(system.database.url)
})
afterAll(async () => {
  await dying?.stop()
  await system?.stop()
})

const people = createCast()

const attempts = async (userId: string): Promise<number> => {
  const { rows } = await dying.pool.query(
    "SELECT FROM ledger.events WHERE type = 'DeliveryAttempted' AND data->>'userId' = $1",
    [userId],
  )
  return rows.length
}

test('who is slow to acknowledge what was sent stays live: what comes next is not kept waiting, nothing is sent again', async () => {
  const [ann, ben] = people('ann', 'ben') as [string, string]
  const id = await begin(url, ann, 'direct', [ben])
  const [writer, reader] = await Promise.all([join(url, ann), join(url, ben)])
  await writer.say(id, 'one')
  await reader.get({ t: 'message', seq: 1 })
  await expect.poll(() => attempts(ben), { timeout: 20_000 }).toBeGreaterThan(0)
  await writer.say(id, 'two')
  await reader.get({ t: 'message', seq: 2 })
  expect(reader.all({ t: 'live' })).toHaveLength(1)
  expect(reader.all({ t: 'message' }).map(({ seq }) => seq)).toEqual([1, 2])
  await Promise.all([writer.close(), reader.close()])
})

test('a message that was recorded, and whose push was lost, is sent', async () => {
  const [ann, ben] = people('ann', 'ben') as [string, string]
  const id = await begin(url, ann, 'direct', [ben])
  const reader = await join(url, ben)
  await dying.say(ann, id, 'unheard')
  await reader.get({ t: 'message', seq: 1 }, 20_000)
  // Recorded after the nudge, as the message is sent after it.
  await expect.poll(() => attempts(ben)).toBeGreaterThan(0)
  await reader.close()
})

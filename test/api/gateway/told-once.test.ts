/** A live socket whose node has to look for what it may have missed is not told again what was pushed to it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin, call, createCast, join } from '../../support/chat.ts'
import { type System, startSystem } from '../../support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ apiNodes: 2 })
})
afterAll(() => system.stop())

const people = createCast()

test('what was pushed is told once, also where a temporary message has other nodes look for themselves', async () => {
  const [here, there] = system.urls as unknown as [string, string]
  const [alice, bob, carl, dora] = people('alice', 'bob', 'carl', 'dora') as [string, string, string, string]
  const group = await begin(here, alice, 'group', [bob])
  const started = await call(here, alice, 'POST', '/v1/conversations', {
    kind: 'direct',
    members: [bob],
    retention: { mode: 'ttl', seconds: 3600 },
  })
  const a = await join(here, alice)
  const b = await join(there, bob)
  for (const userIds of [[carl], [dora]])
    await call(here, alice, 'POST', `/v1/conversations/${group}/members`, { userIds })
  const role = { role: 'admin' }
  await call(here, alice, 'PATCH', `/v1/conversations/${group}/members/${carl}`, role)
  await call(here, alice, 'DELETE', `/v1/conversations/${group}/members/${dora}`)
  const { messageId } = await a.say(group, 'taken back')
  a.send({ t: 'delete', ref: 'delete', conversationId: group, messageId })
  await b.get({ t: 'deleted', messageId })
  const changes = () => b.frames.filter(({ t }) => t === 'member' || t === 'deleted').length
  expect(changes()).toBe(5)
  // Its body may not be in the queue of Postgres' notifications: bob's node reads it.
  await a.say(started.body.conversationId, 'for an hour')
  await b.get({ t: 'message', conversationId: started.body.conversationId })
  await expect.poll(() => b.all({ t: 'live' })).toHaveLength(2)
  expect(changes()).toBe(5)
  await Promise.all([a.close(), b.close()])
})

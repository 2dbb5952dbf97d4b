/** The people of the examples in `api/reference`, for real: fresh ones on a running system, who have done what is said of them. */

import { composeExample, EXAMPLE_WORLD, type ExampleMessage, type World } from '../../api/reference/world.ts'
import type { ConversationId, DeviceId, Millis, UserId } from '../../domain/ids.ts'
import { call, join } from '../support/chat.ts'
import { tokenFor } from '../support/system.ts'

let made = 0

export async function createWorld(url: string): Promise<World> {
  const person = (name: string) => `${name}-${process.pid}-${made}` as UserId
  made++
  const [alice, bob, carol, dave] = [person('alice'), person('bob'), person('carol'), person('dave')]
  const { deviceId } = EXAMPLE_WORLD
  const started = await call(url, alice, 'POST', '/v1/conversations', {
    kind: 'group',
    members: [bob, dave],
    title: 'Tea',
  })
  const group = started.body.conversationId as ConversationId
  const compose = ({ body }: ExampleMessage, n: number): ExampleMessage =>
    composeExample({ senderId: alice, deviceId }, group, {
      nonce: `nonce-of-${made}-${String(n).padStart(16, '0')}`,
      clientAt: Date.now() as Millis,
      body,
    })
  const message = compose(EXAMPLE_WORLD.message, 1)
  const sent = await call(url, alice, 'POST', `/v1/conversations/${group}/messages`, { ...message, deviceId })
  if (sent.status !== 200) throw new Error(JSON.stringify(sent.body))
  // alice has what she sent; bob has read it.
  for (const [reader, device] of [
    [alice, deviceId],
    [bob, 'laptop' as DeviceId],
  ] as const) {
    const socket = await join(url, reader, { device })
    socket.send({ t: 'read', ref: 'read', conversationId: group, upTo: 1 })
    const answer = await socket.get({ ref: 'read' })
    if (answer.t !== 'receipt') throw new Error(JSON.stringify(answer))
    await socket.close()
  }
  const { password } = EXAMPLE_WORLD.account
  const credentials = { name: `erin ${process.pid} ${made}`, password }
  const registered = await call(url, alice, 'POST', '/v1/auth/register', credentials)
  return {
    alice,
    bob,
    carol,
    dave,
    deviceId,
    group,
    message,
    draft: compose(EXAMPLE_WORLD.draft, 2),
    position: '1',
    token: await tokenFor(alice),
    account: { ...credentials, refreshToken: registered.body.refreshToken },
  }
}

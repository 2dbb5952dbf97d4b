import { expect, test } from 'vitest'
import { createClaims } from '../../../api/gateway/claims.ts'
import { createHub } from '../../../api/gateway/hub.ts'
import type { Session } from '../../../api/gateway/session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { Bus } from '../../../runtime/bus/bus.ts'
import { sealable } from '../../../runtime/bus/payload-seal.ts'

const ANN = 'ann' as UserId

/** Nodes whose messages wait until they are carried; `lookUp` may fail. */
function nodes(...names: string[]) {
  const waiting: { readonly to: string; readonly payload: string }[] = []
  const made = names.map((node) => {
    const hub = createHub()
    const state = { lookUp: true }
    const claims = createClaims({
      node,
      hub,
      bus: {
        publish: (channel: string, payload: string) =>
          waiting.push({ to: channel.replace('node.', ''), payload }),
      } as unknown as Bus,
      directory: {
        peers: () => names.filter((name) => name !== node),
        nodesOf: async () => {
          if (!state.lookUp) throw new Error('no answer')
          const holders = made.filter((one) => one.node !== node && one.hub.sessionsOf(ANN).length > 0)
          return new Map(holders.map((one) => [one.node, [ANN]]))
        },
      },
      report: () => {},
    })
    const connect = (claim: bigint | undefined): Session => {
      const session = {
        userId: ANN,
        deviceId: 'phone' as DeviceId,
        claim,
        mode: 'live',
        close: (code: number) => Object.assign(session, { mode: 'closed', code }),
      } as unknown as Session
      hub.add(session)
      return session
    }
    return { node, hub, claims, connect, state }
  })
  const carry = () => {
    for (let message = waiting.shift(); message; message = waiting.shift()) {
      const { to, payload } = message
      made.find(({ node }) => node === to)?.claims.received(JSON.parse(payload))
    }
  }
  return { made, carry, lose: () => waiting.splice(0) }
}

test('the lower claim is closed, whichever of the two is told of', async () => {
  for (const teller of [0, 1] as const) {
    const { made, carry } = nodes('north', 'south')
    const sessions = [made[0]?.connect(1n), made[1]?.connect(2n)] as [Session, Session]
    await made[teller]?.claims.tell([sessions[teller]])
    carry()
    expect(sessions).toMatchObject([{ mode: 'closed', code: 4409 }, { mode: 'live' }])
  }
})

test('one that has no claim yet is left alone until it has told its own', async () => {
  const { made, carry } = nodes('north', 'south')
  const sessions = [made[0]?.connect(undefined), made[1]?.connect(5n)] as [Session, Session]
  await made[1]?.claims.tell([sessions[1]])
  carry()
  expect(sessions).toMatchObject([{ mode: 'live' }, { mode: 'live' }])
  sessions[0].claim = 6n
  await made[0]?.claims.tell([sessions[0]])
  carry()
  expect(sessions).toMatchObject([{ mode: 'live' }, { mode: 'closed' }])
})

test('a lost message is made good when the claims are told again, also without the session store', async () => {
  const { made, carry, lose } = nodes('north', 'south')
  const sessions = [made[0]?.connect(1n), made[1]?.connect(2n)] as [Session, Session]
  await made[1]?.claims.tell([sessions[1]])
  lose()
  expect(sessions).toMatchObject([{ mode: 'live' }, { mode: 'live' }])
  if (made[0]) made[0].state.lookUp = false
  await made[0]?.claims.tell([sessions[0]])
  carry()
  expect(sessions).toMatchObject([{ mode: 'closed' }, { mode: 'live' }])
})

test('the longest claims fit the bus, also where the session store does not answer', async () => {
  const { made, lose } = nodes('n'.repeat(64), 'south')
  const longest = Array.from({ length: 45 }, (_, n) => ({
    userId: 'a'.repeat(128) as UserId,
    deviceId: `${n}`.padStart(64, 'd') as DeviceId,
    claim: 2n ** 63n - 1n - BigInt(n),
    mode: 'live',
  })) as unknown as Session[]
  if (made[0]) made[0].state.lookUp = false
  await made[0]?.claims.tell(longest)
  const told = lose()
  expect(told.flatMap(({ payload }) => JSON.parse(payload).claims)).toHaveLength(45)
  for (const { payload } of told) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(sealable(7_999))
})

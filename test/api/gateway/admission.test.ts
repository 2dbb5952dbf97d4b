/** A device that polls through a load balancer is now on this node, now on that, and what nodes tell each other may be late. */
import { expect, test } from 'vitest'
import { type AdmissionDeps, createAdmission } from '../../../api/gateway/admission.ts'
import { type ClaimMessage, createClaims } from '../../../api/gateway/claims.ts'
import { createHub } from '../../../api/gateway/hub.ts'
import { createPollSession, type PollSession } from '../../../api/gateway/poll-session.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { Bus } from '../../../runtime/bus/bus.ts'

const [ANN, PHONE] = ['ann' as UserId, 'phone' as DeviceId]
const POLLED = undefined
const REPLACED = 4409

/** Two nodes whose claims come from one sequence, and whose messages wait until they are carried. */
function twoNodes() {
  const waiting: { readonly to: string; readonly payload: string }[] = []
  let sequence = 0n
  let left = 0
  let start = async () => ({ kept: 0n, knownFrom: 0n, claim: ++sequence })
  const [north, south] = ['north', 'south'].map((node) => {
    const hub = createHub()
    const directory = {
      peers: () => made.map((one) => one.node).filter((name) => name !== node),
      nodesOf: async () =>
        new Map(
          made
            .filter((one) => one.node !== node && one.hub.sessionsOf(ANN).length > 0)
            .map((one) => [one.node, [ANN]]),
        ),
      add: async () => {},
      remove: async () => {},
    }
    const bus = {
      publish: (channel: string, payload: string) =>
        waiting.push({ to: channel.replace('node.', ''), payload }),
    } as unknown as Bus
    const report = (error: unknown) => {
      throw error
    }
    const claims = createClaims({ node, hub, bus, directory, report })
    const admission = createAdmission({
      hub,
      directory,
      claims,
      report,
      ledger: { head: async () => 0n },
      positions: { start: () => start() },
      expiry: { expect: () => {} },
      presence: { arrived: () => {}, left: () => left++, loadPrivacy: async () => {} },
    } as unknown as AdmissionDeps)
    const poll = async (): Promise<PollSession> => {
      const session = createPollSession({
        identity: { sub: ANN, exp: 9e9, roles: [] } as never,
        deviceId: PHONE,
        onClosed: admission.dismiss,
      })
      await admission.admit(session)
      return session
    }
    return { node, hub, claims, admission, poll }
  }) as [Node, Node]
  const made = [north, south]
  return {
    north,
    south,
    left: () => left,
    carry: async () => {
      // What is being told is on its way by then.
      await new Promise(setImmediate)
      for (let message = waiting.shift(); message; message = waiting.shift()) {
        const { to, payload } = message
        made.find(({ node }) => node === to)?.claims.received(JSON.parse(payload) as ClaimMessage)
      }
    },
    startBy: (other: typeof start) => {
      start = other
    },
  }
}

interface Node {
  readonly node: string
  readonly hub: ReturnType<typeof createHub>
  readonly claims: ReturnType<typeof createClaims>
  readonly admission: ReturnType<typeof createAdmission>
  poll(): Promise<PollSession>
}

test('a device that is back on a node is not replaced by what it did elsewhere in between, however late that is told', async () => {
  const { north, south, carry } = twoNodes()
  const here = await north.poll()
  await carry()
  const elsewhere = await south.poll()
  await north.admission.claimAnew(here)
  await carry()
  expect([here.closedWith, elsewhere.closedWith]).toEqual([POLLED, REPLACED])
})

test('whoever came while a claim was taken anew is newer', async () => {
  const { north, south, carry, startBy } = twoNodes()
  const here = await north.poll()
  await carry()
  let taken: (() => void) | undefined
  startBy(async () => {
    await new Promise<void>((resolve) => {
      taken = resolve
    })
    return { kept: 0n, knownFrom: 0n, claim: 2n }
  })
  const claiming = north.admission.claimAnew(here)
  await expect.poll(() => taken).toBeDefined()
  startBy(async () => ({ kept: 0n, knownFrom: 0n, claim: 3n }))
  const elsewhere = await south.poll()
  await carry()
  expect(here.closedWith).toBe(POLLED)
  taken?.()
  await claiming
  await carry()
  expect([here.closedWith, elsewhere.closedWith]).toEqual([REPLACED, POLLED])
})

test('a claim that cannot be taken leaves the one before', async () => {
  const { north, south, carry, startBy } = twoNodes()
  const here = await north.poll()
  startBy(async () => {
    throw new Error('no database')
  })
  await expect(north.admission.claimAnew(here)).rejects.toThrow('no database')
  startBy(async () => ({ kept: 0n, knownFrom: 0n, claim: 2n }))
  await south.poll()
  await carry()
  expect(here.closedWith).toBe(REPLACED)
})

test('what was told while a claim could not be taken is compared with the one before', async () => {
  const { north, south, carry, startBy } = twoNodes()
  const here = await north.poll()
  await carry()
  let fail: ((error: Error) => void) | undefined
  startBy(
    () =>
      new Promise((_, reject) => {
        fail = reject
      }),
  )
  const claiming = north.admission.claimAnew(here)
  await expect.poll(() => fail).toBeDefined()
  startBy(async () => ({ kept: 0n, knownFrom: 0n, claim: 2n }))
  const elsewhere = await south.poll()
  await carry()
  fail?.(new Error('no database'))
  await expect(claiming).rejects.toThrow('no database')
  await carry()
  expect([here.closedWith, elsewhere.closedWith]).toEqual([REPLACED, POLLED])
})

test('a session that is dismissed again has left once', async () => {
  const { north, left } = twoNodes()
  const here = await north.poll()
  north.admission.dismiss(here)
  north.admission.dismiss(here)
  expect(left()).toBe(1)
})

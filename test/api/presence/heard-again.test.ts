/** What may have changed without a word is looked at again: what people wish to show, and whether they are there. */
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createHub } from '../../../api/gateway/hub.ts'
import type { Session } from '../../../api/gateway/session.ts'
import { createPresence, type PresenceDeps } from '../../../api/presence/presence.ts'
import type { Privacy } from '../../../domain/events.ts'
import type { UserId } from '../../../domain/ids.ts'
import { createMemoryBus } from '../../../runtime/bus/memory.ts'

const ANN = 'ann' as UserId
const BEN = 'ben' as UserId

async function given() {
  const stored: { privacy: Privacy; failures: number } = {
    privacy: { lastSeen: 'shared', readReceipts: 'shared' },
    failures: 0,
  }
  const handlers = { gap: () => {}, foundAgain: () => {}, peerBack: () => {} }
  /** The other node, and who is found there. */
  const other = { people: [] as UserId[] }
  const sent: string[] = []
  const hub = createHub()
  const bus = {
    ...createMemoryBus({ log: pino({ level: 'silent' }) }),
    onGap: (handler: () => void) => {
      handlers.gap = handler
      return () => {}
    },
  }
  const query = async ({ name }: { name: string }) => {
    if (name === 'people who share a conversation with a person') return { rows: [{ userId: BEN }] }
    if (name !== 'privacy of people') return { rows: [] }
    if (stored.failures-- > 0) throw new Error('the database was away')
    return { rows: [{ userId: ANN, ...stored.privacy }] }
  }
  const presence = await createPresence({
    node: 'n1',
    pool: { query },
    ledger: { head: async () => 1n },
    waiter: { waitFor: async () => true },
    handler: { attend: async () => ({ kind: 'done', result: {} }) },
    bus,
    directory: {
      peers: () => [],
      nodesOf: async () => new Map(other.people.length > 0 ? [['n2', other.people]] : []),
      onFoundAgain: (handler: () => void) => {
        handlers.foundAgain = handler
        return () => {}
      },
      onPeerBack: (handler: () => void) => {
        handlers.peerBack = handler
        return () => {}
      },
    },
    hub,
    allows: () => true,
    report: () => {},
  } as unknown as PresenceDeps)
  const session = {
    userId: ANN,
    deviceId: 'phone',
    mode: 'live',
    isPolling: false,
    backlog: 0,
    send: (json: string) => sent.push(json),
  } as unknown as Session
  hub.add(session)
  presence.arrived(session, Promise.resolve())
  await presence.loadPrivacy(session)
  onTestFinished(presence.close)
  return { stored, handlers, other, sent, presence, session }
}

test.each(['gap', 'foundAgain'] as const)('after %s, also where the first look fails', async (happened) => {
  const { stored, handlers, presence, session } = await given()
  expect(presence.hidesReading(ANN)).toBe(false)
  stored.privacy = { lastSeen: 'hidden', readReceipts: 'hidden' }
  stored.failures = 1
  handlers[happened]()
  await expect.poll(() => session.attendance?.privacy).toMatchObject({ readReceipts: 'hidden' })
  expect(presence.hidesReading(ANN)).toBe(true)
})

test('people of a node that is back are told online at once, though it was not heard of that they are', async () => {
  const { handlers, other, sent, presence, session } = await given()
  const told = () => sent.map((json) => JSON.parse(json)).map(({ userId, online }) => `${userId} ${online}`)
  presence.watch(session, [BEN])
  await expect.poll(told, { timeout: 10_000 }).toEqual(['ben false'])
  other.people = [BEN]
  handlers.peerBack()
  // Nothing else would look before the sweep, in 20 s.
  await expect.poll(told, { timeout: 10_000 }).toEqual(['ben false', 'ben true'])
})

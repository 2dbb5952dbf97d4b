/** What people wish to show is read again when it may have changed without a word, however often that fails at first. */
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { createHub } from '../../../api/gateway/hub.ts'
import type { Session } from '../../../api/gateway/session.ts'
import { createPresence, type PresenceDeps } from '../../../api/presence/presence.ts'
import type { Privacy } from '../../../domain/events.ts'
import type { UserId } from '../../../domain/ids.ts'
import { createMemoryBus } from '../../../runtime/bus/memory.ts'

const ANN = 'ann' as UserId

async function given() {
  const stored: { privacy: Privacy; failures: number } = {
    privacy: { lastSeen: 'shared', readReceipts: 'shared' },
    failures: 0,
  }
  const handlers = { gap: () => {}, foundAgain: () => {} }
  const hub = createHub()
  const bus = {
    ...createMemoryBus({ log: pino({ level: 'silent' }) }),
    onGap: (handler: () => void) => {
      handlers.gap = handler
      return () => {}
    },
  }
  const query = async ({ name }: { name: string }) => {
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
      onFoundAgain: (handler: () => void) => {
        handlers.foundAgain = handler
        return () => {}
      },
      onPeerBack: () => () => {},
    },
    hub,
    allows: () => true,
    report: () => {},
  } as unknown as PresenceDeps)
  const session = { userId: ANN, deviceId: 'phone', mode: 'live', isPolling: false } as unknown as Session
  hub.add(session)
  presence.arrived(session, Promise.resolve())
  await presence.loadPrivacy(session)
  onTestFinished(presence.close)
  return { stored, handlers, presence, session }
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

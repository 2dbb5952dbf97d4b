import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ConversationId, UserId } from '../../../domain/ids.ts'
import type { Followed, Position, RecordedEvent, StreamName } from '../../../ledger/ledger.ts'
import { type ReactorDeps, startReactor } from '../../../workers/delivery/reactor.ts'
import { log, pause } from './kit.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

/** A ledger that is only a subscription, fed by hand. */
function handFedLedger() {
  const events: RecordedEvent[] = []
  let wake = () => {}
  return {
    sent(conversation: string, type = 'MessageSent', recordedAt = `${Date.now()}`) {
      const position = BigInt(events.length + 1) as Position
      const stream = `conversation-${conversation}` as StreamName
      const metadata = { recordedAt }
      events.push({ stream, revision: 0 as never, position, id: '', type, data: {}, metadata })
      wake()
    },
    ledger: {
      async *subscribe({ signal }: { signal: AbortSignal }): AsyncGenerator<Followed> {
        let next = 0
        signal.addEventListener('abort', () => wake())
        while (!signal.aborted) {
          if (next < events.length) yield { kind: 'events', events: events.slice(next) }
          next = events.length
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      },
    } as ReactorDeps['ledger'],
  }
}

function given(changed: Partial<ReactorDeps> = {}) {
  const { sent, ledger } = handFedLedger()
  const looks: ConversationId[][] = []
  const wanted: UserId[] = []
  const reactor = startReactor({
    ledger,
    undelivered: {
      in: async (conversationIds) => {
        looks.push([...conversationIds])
        return [{ userId: 'bob' as UserId, hasConnected: true }]
      },
      waitFor: async () => true,
    },
    queue: {
      wanted: async (people) => {
        wanted.push(...people.map(({ userId }) => userId))
      },
    },
    settings: { graceMs: 100 },
    log,
    ...changed,
  })
  return { sent, looks, wanted, stop: reactor.stop }
}

test('a message that says no time keeps no other conversation from being looked at', async () => {
  const times: number[] = []
  const undelivered: ReactorDeps['undelivered'] = {
    in: async (_, olderThan) => {
      times.push(olderThan)
      return []
    },
    waitFor: async () => true,
  }
  const { sent, stop } = given({ undelivered })
  sent('a', 'MessageSent', 'yesterday')
  sent('b')
  await pass(150)
  expect(times).toEqual([expect.any(Number)])
  expect(times[0]).toBeGreaterThan(0)
  await stop()
})

test('a conversation is looked at once its grace period is over, and not before', async () => {
  const { sent, looks, wanted, stop } = given()
  sent('a')
  sent('b', 'MemberAdded')
  await pass(80)
  expect(looks).toEqual([])
  await pass(40)
  expect(looks).toEqual([['a']])
  expect(wanted).toEqual(['bob'])
  await stop()
})

test('a busy conversation is looked at once a grace period, and its last message is not forgotten', async () => {
  const { sent, looks, stop } = given()
  for (let i = 0; i < 15; i++) {
    sent('a')
    await pass(20)
  }
  const before = looks.length
  expect(before).toBeLessThanOrEqual(4)
  await pass(250)
  const end = looks.length
  expect(end).toBeGreaterThan(before)
  await pass(250)
  expect(looks).toHaveLength(end)
  await stop()
})

test('conversations are looked at again when the read models are behind or do not answer', async () => {
  const outcomes = [() => Promise.resolve(false), () => Promise.reject(new Error('away'))]
  const { sent, looks, stop } = given({
    undelivered: {
      in: async (conversationIds) => {
        looks.push([...conversationIds])
        return []
      },
      waitFor: async () => (await outcomes.shift()?.()) ?? true,
    },
  })
  sent('a')
  sent('b')
  await pass(5_000)
  expect(looks).toEqual([['a', 'b']])
  await stop()
})

test('stopping ends the subscription and waits for the look under way', async () => {
  let finished = false
  const { sent, looks, stop } = given({
    queue: {
      wanted: async () => {
        await pause(100)
        finished = true
      },
    },
  })
  sent('a')
  await pass(120)
  expect(looks).toHaveLength(1)
  expect(finished).toBe(false)
  await Promise.all([stop(), pass(100)])
  expect(finished).toBe(true)
})

test('where the ledger cannot be followed, it is followed anew', async () => {
  vi.useRealTimers()
  const { sent, ledger } = handFedLedger()
  let begun = 0
  const broken: ReactorDeps['ledger'] = {
    subscribe: (options) => {
      if (++begun === 1) throw new Error('an event without a place')
      return ledger.subscribe(options)
    },
  }
  const { looks, stop } = given({ ledger: broken })
  await vi.waitFor(() => expect(begun).toBe(2), { timeout: 20_000 })
  sent('a')
  await vi.waitFor(() => expect(looks).toEqual([['a']]), { timeout: 20_000 })
  await stop()
})

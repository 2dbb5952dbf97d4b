import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createHeldReceipts, type HeldReceipts } from '../../../api/load/held-receipts.ts'
import type { LoadState } from '../../../api/load/shedding.ts'
import type { ConversationId } from '../../../domain/ids.ts'

const ONE = 'one' as ConversationId
const TWO = 'two' as ConversationId

function begin(state: LoadState = 'delivered') {
  const shed = new Set<string>()
  const held = createHeldReceipts({ allows: (what) => !shed.has(what), state })
  const recorded: string[] = []
  const receive = async (
    name: string,
    kind: 'delivered' | 'read',
    conversationId = ONE,
    isCatchingUp = false,
  ) => {
    const turn = held.turn(kind, conversationId, isCatchingUp)
    if (turn) await turn
    recorded.push(name)
  }
  return { shed, held, recorded, receive }
}

test('in calm no receipt waits', () => {
  const { recorded, receive } = begin()
  receive('a', 'delivered')
  receive('b', 'read')
  expect(recorded).toEqual(['a', 'b'])
})

test('reads are held before delivered ones, and all are recorded within a moment', async () => {
  const { shed, recorded, receive } = begin()
  shed.add('read')
  receive('d1', 'delivered', TWO)
  const read = receive('r1', 'read')
  expect(recorded).toEqual(['d1'])
  shed.add('delivered')
  const delivered = receive('d2', 'delivered', TWO)
  expect(recorded).toEqual(['d1'])
  await Promise.all([read, delivered])
  expect(new Set(recorded)).toEqual(new Set(['d1', 'r1', 'd2']))
})

test('those of a device that catches up wait for each other also in calm, and those of other conversations do not', async () => {
  const { recorded, receive } = begin()
  const all = [receive('d1', 'delivered', ONE, true), receive('d2', 'delivered', ONE, true)]
  receive('other', 'delivered', TWO)
  // Live by now, but there is one to wait for.
  all.push(receive('d3', 'delivered', ONE, false))
  expect(recorded).toEqual(['other'])
  await Promise.all(all)
  expect(recorded).toEqual(['other', 'd1', 'd2', 'd3'])
})

test('one that comes later does not overtake those of its conversation that wait, also when the load is gone', async () => {
  const { shed, recorded, receive } = begin()
  shed.add('read')
  const all = [receive('r1', 'read')]
  shed.clear()
  all.push(receive('d2', 'delivered'), receive('r2', 'read'))
  receive('other', 'read', TWO)
  expect(recorded).toEqual(['other'])
  await Promise.all(all)
  expect(recorded).toEqual(['other', 'r1', 'd2', 'r2'])
})

test('of thousands none is lost, and none overtakes another while they are let go', async () => {
  const { shed, recorded, receive } = begin()
  shed.add('read')
  const names = Array.from({ length: 3000 }, (_, i) => `${i % 500} ${i}`)
  const all: Promise<void>[] = []
  for (const name of names) {
    all.push(receive(name, 'read', name.split(' ')[0] as ConversationId))
    if (all.length % 100 === 0) await sleep(50)
  }
  await Promise.all(all)
  expect(recorded).toHaveLength(names.length)
  const lastOf = new Map<string, number>()
  for (const name of recorded) {
    const [conversation, number] = name.split(' ') as [string, string]
    expect(Number(number)).toBeGreaterThan(lastOf.get(conversation) ?? -1)
    lastOf.set(conversation, Number(number))
  }
})

test('closing lets everything go before it resolves, and holds nothing more', async () => {
  const { shed, held, recorded, receive } = begin()
  shed.add('read').add('delivered')
  for (let i = 0; i < 1000; i++) receive(`${i}`, 'read', `${i % 50}` as ConversationId)
  await (held satisfies HeldReceipts).close()
  expect(recorded).toHaveLength(1000)
  receive('late', 'read')
  expect(recorded.at(-1)).toBe('late')
})

test.each([
  ['a quarter of a second where receipts are held', 'delivered', 250],
  ['a second where sends are refused', 'send', 1_000],
] as const)('they wait %s', async (_, state, heldMs) => {
  vi.useFakeTimers()
  try {
    const { shed, recorded, receive } = begin(state)
    shed.add('read')
    const all = [receive('r1', 'read')]
    await vi.advanceTimersByTimeAsync(heldMs / 2)
    all.push(receive('r2', 'read'))
    await vi.advanceTimersByTimeAsync(heldMs / 2 - 1)
    expect(recorded).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await Promise.all(all)
    expect(recorded).toEqual(['r1', 'r2'])
  } finally {
    vi.useRealTimers()
  }
})

test.each([
  ['conversations of one receipt each: 200 a turn', 4_000, 1, 20],
  ['conversations of a few: 50 a turn', 200, 5, 4],
  ['busy conversations: 50 a turn, however many receipts they have', 200, 20, 4],
  ['conversations of which few are a great many: 2,000 a turn', 4, 1_500, 2],
] as const)('they are let go in few turns of the event loop: %s', async (_, conversations, each, turns) => {
  vi.useFakeTimers()
  try {
    const { shed, recorded, receive } = begin()
    shed.add('read')
    const all = conversations * each
    for (let i = 0; i < all; i++) receive(`${i}`, 'read', `${i % conversations}` as ConversationId)
    // The timer's turn is the first.
    for (let turn = 0; turn < turns; turn++) {
      expect(recorded.length).toBeLessThan(all)
      await vi.advanceTimersToNextTimerAsync()
    }
    expect(recorded).toHaveLength(all)
  } finally {
    vi.useRealTimers()
  }
})

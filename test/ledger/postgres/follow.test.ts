import { expect, onTestFinished, test, vi } from 'vitest'
import type { Position, RecordedEvent } from '../../../ledger/ledger.ts'
import { SILENT } from '../../../ledger/ledger-log.ts'
import type { Doorbell } from '../../../ledger/postgres/doorbell.ts'
import { follow } from '../../../ledger/postgres/follow.ts'

const event = (position: number) => ({ position: BigInt(position) }) as unknown as RecordedEvent

test('what is appended behind a page that was read ahead is not waited for', async () => {
  const events = [1, 2, 3].map(event)
  let rings = 0
  const waitedAt: number[] = []
  const doorbell: Doorbell = {
    get rings() {
      return rings
    },
    // A bell that has rung past what was noted does not keep anybody waiting.
    past: async (heard, signal) => {
      waitedAt.push(heard)
      if (rings > heard || signal.aborted) return
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
    close: async () => {},
  }
  const stop = new AbortController()
  const seen: bigint[] = []
  const following = follow({
    start: async () => 0n as Position,
    page: async (after) => {
      const page = events.filter(({ position }) => position > after).slice(0, 2)
      return { events: page, to: page.at(-1)?.position ?? after, more: page.length === 2 }
    },
    paceMs: 0,
    doorbell,
    log: SILENT,
    signal: stop.signal,
  })
  for await (const step of following) {
    if (step.kind !== 'events') continue
    seen.push(...step.events.map(({ position }) => position))
    if (seen.length === 2) {
      // The page behind this one is under way already, without this event.
      await new Promise((resolve) => setImmediate(resolve))
      events.push(event(4))
      rings++
    }
    if (seen.length === 4) stop.abort()
  }
  expect(seen).toEqual([1n, 2n, 3n, 4n])
  expect(waitedAt[0]).toBe(0)
})

test('reads that fail are told of at the first and then once a minute, however often they are tried again', async () => {
  const stop = new AbortController()
  const told: unknown[] = []
  let seconds = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => seconds * 1_000)
  onTestFinished(() => clock.mockRestore())
  const following = follow({
    start: async () => 7n as Position,
    page: async () => {
      seconds += 31
      if (seconds > 5 * 31) stop.abort()
      throw new Error('a page of the ledger is torn')
    },
    paceMs: 0,
    doorbell: { rings: 0, past: async () => {}, close: async () => {} },
    log: { debug() {}, warn: (fields) => told.push(fields) },
    signal: stop.signal,
  })
  expect(await following.next()).toMatchObject({ done: true })
  expect(told).toHaveLength(3)
  expect(told[0]).toMatchObject({ err: { message: 'a page of the ledger is torn' }, after: '7' })
})

/** The contract suite of `runtime/bus/bus.ts`: every promise, proved on any implementation. Knows nothing of how one sends. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Bus } from '../../../runtime/bus/bus.ts'

export interface BusUnderTest {
  /** As another process would. The suite closes it. */
  open(node: string): Promise<Bus>
  /** Breaks every connection, as a restart of the server would. Absent: there is nothing to break. */
  readonly cut?: () => Promise<void>
  /** Breaks the connection on which this process publishes, and no other process's. Absent likewise. */
  readonly cutPublisher?: (node: string) => Promise<void>
  stop(): Promise<void>
}

const PATIENTLY = { timeout: 15_000 }

export function busContract(name: string, start: () => Promise<BusUnderTest>): void {
  describe(`the bus contract on ${name}`, () => {
    let under: BusUnderTest
    let opened: Bus[] = []
    beforeAll(async () => {
      under = await start()
    })
    afterEach(async () => {
      await Promise.all(opened.map((bus) => bus.close()))
      opened = []
    })
    afterAll(() => under?.stop())

    async function open(node: string): Promise<Bus> {
      const bus = await under.open(node)
      opened.push(bus)
      return bus
    }
    const arrived = (got: readonly unknown[], expected: readonly unknown[]) =>
      vi.waitFor(() => expect(got).toEqual(expected), PATIENTLY)

    test('a message reaches every subscription to its channel, on every process, the publisher included', async () => {
      const [a, b] = [await open('a'), await open('b')]
      const got: string[] = []
      await a.subscribe('news', (payload) => got.push(`a1 ${payload}`))
      await a.subscribe('news', (payload) => got.push(`a2 ${payload}`))
      await b.subscribe('news', (payload) => got.push(`b ${payload}`))
      await b.subscribe('other', (payload) => got.push(`other ${payload}`))
      a.publish('news', 'hello')
      await vi.waitFor(() => expect(got.toSorted()).toEqual(['a1 hello', 'a2 hello', 'b hello']), PATIENTLY)
    })

    test('what one process publishes to a channel arrives in its order, equal messages each on their own', async () => {
      const [a, b] = [await open('a'), await open('b')]
      const got: string[] = []
      await b.subscribe('order', (payload) => got.push(payload))
      const sent = Array.from({ length: 3_000 }, (_, i) => (i % 3 === 0 ? 'same' : `${i}`))
      for (const [i, payload] of sent.entries()) {
        a.publish('order', payload)
        if (i % 100 === 0) await new Promise(setImmediate)
      }
      await arrived(got, sent)
    })

    test('publishing runs no subscriber before it returns', async () => {
      const bus = await open('a')
      const got: string[] = []
      await bus.subscribe('later', (payload) => got.push(payload))
      bus.publish('later', 'x')
      expect(got).toEqual([])
      await arrived(got, ['x'])
    })

    test('nothing arrives after a subscription has ended, and the others of its channel go on', async () => {
      const bus = await open('a')
      const got: string[] = []
      const end = await bus.subscribe('c', (payload) => got.push(`first ${payload}`))
      await bus.subscribe('c', (payload) => got.push(`second ${payload}`))
      await end()
      await end()
      bus.publish('c', '1')
      await arrived(got, ['second 1'])
    })

    test('a channel that was left can be subscribed again', async () => {
      const bus = await open('a')
      const got: string[] = []
      const end = await bus.subscribe('c', () => {})
      const ending = end()
      await bus.subscribe('c', (payload) => got.push(payload))
      await ending
      bus.publish('c', '1')
      await arrived(got, ['1'])
    })

    test('a handler that throws harms neither the others nor the next message', async () => {
      const bus = await open('a')
      const got: string[] = []
      await bus.subscribe('c', () => {
        throw new Error('a bug')
      })
      await bus.subscribe('c', (payload) => got.push(payload))
      bus.publish('c', '1')
      bus.publish('c', '2')
      await arrived(got, ['1', '2'])
    })

    test('a payload of the greatest length arrives whole, and one byte more is refused', async () => {
      const bus = await open('a')
      const got: string[] = []
      await bus.subscribe('c', (payload) => got.push(payload))
      const greatest = 'é'.repeat(Math.floor(bus.maxPayload / 2)) + '.'.repeat(bus.maxPayload % 2)
      bus.publish('c', greatest)
      expect(() => bus.publish('c', `${greatest}.`)).toThrow(RangeError)
      await arrived(got, [greatest])
    })

    test('channel names and payloads may hold any text', async () => {
      const bus = await open('a')
      const got: string[] = []
      const channel = `node.${'n'.repeat(64)}"'; DROP TABLE x --`
      await bus.subscribe(channel, (payload) => got.push(payload))
      for (const payload of ['', ':', '1:2', '{"a":"\\u0000 \' ü 🎈"}']) bus.publish(channel, payload)
      await arrived(got, ['', ':', '1:2', '{"a":"\\u0000 \' ü 🎈"}'])
    })

    test('what was published before close is sent, and afterwards nothing, without an error', async () => {
      const [a, b] = [await open('a'), await open('b')]
      const got: string[] = []
      await b.subscribe('c', (payload) => got.push(payload))
      a.publish('c', '1')
      await a.close()
      a.publish('c', '2')
      await a.close()
      await arrived(got, ['1'])
      await expect(a.subscribe('c', () => {})).rejects.toThrow()
    })

    test('after a cut the subscriptions go on, and those who may have missed something hear of the gap', async ({
      skip,
    }) => {
      if (!under.cut) skip('there is no connection to cut')
      const [a, b] = [await open('a'), await open('b')]
      const got: string[] = []
      let gaps = 0
      await b.subscribe('c', (payload) => got.push(payload))
      const end = b.onGap(() => {
        gaps += 1
      })
      b.onGap(() => {
        throw new Error('a bug')
      })
      a.publish('c', 'before')
      await arrived(got, ['before'])
      await under.cut?.()
      // Lost or not, publishing while cut is no error.
      a.publish('c', 'during')
      await vi.waitFor(() => expect(gaps).toBeGreaterThanOrEqual(1), PATIENTLY)
      await vi.waitFor(
        () => {
          a.publish('c', 'after')
          expect(got).toContain('after')
        },
        { ...PATIENTLY, interval: 100 },
      )
      end()
      const heard = gaps
      await under.cut?.()
      await b.subscribe('d', (payload) => got.push(payload))
      await vi.waitFor(
        () => {
          a.publish('d', 'again')
          expect(got).toContain('again')
        },
        { ...PATIENTLY, interval: 100 },
      )
      expect(gaps).toBe(heard)
    })

    test('what one process could not publish, all hear of as a gap as soon as it can again', async ({
      skip,
    }) => {
      if (!under.cutPublisher) skip('there is no connection to cut')
      const [a, b] = [await open('a'), await open('b')]
      expect([a.isWhole, b.isWhole]).toEqual([true, true])
      let wasCut = false
      const gaps = { a: 0, b: 0 }
      a.onGap(() => gaps.a++)
      b.onGap(() => gaps.b++)
      const publishing = setInterval(() => {
        a.publish('c', 'perhaps')
        wasCut ||= !a.isWhole
      }, 1)
      await under.cutPublisher?.('a')
      await vi.waitFor(() => expect(Math.min(gaps.a, gaps.b)).toBeGreaterThanOrEqual(1), PATIENTLY)
      clearInterval(publishing)
      expect(wasCut).toBe(true)
      await vi.waitFor(() => expect([a.isWhole, b.isWhole]).toEqual([true, true]), PATIENTLY)
    })

    test('… and what was dropped because too much waited', async ({ skip }) => {
      if (!under.cutPublisher) skip('there is no connection to cut')
      const [a, b] = [await open('a'), await open('b')]
      let gaps = 0
      b.onGap(() => gaps++)
      for (let i = 0; i <= 20_000; i++) a.publish('c', 'perhaps')
      await vi.waitFor(() => expect(gaps).toBe(1), PATIENTLY)
    })
  })
}

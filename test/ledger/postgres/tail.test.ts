import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Position, RecordedEvent, StreamName } from '../../../ledger/ledger.ts'
import { createTail, PAGE, type Tail, type TailReads } from '../../../ledger/postgres/tail.ts'

const at = (position: number): Position => BigInt(position) as Position

/** A ledger of streams `a` and `b`, which counts what is read of it. */
function givenLedger() {
  let events: RecordedEvent[] = []
  const read = { all: 0, own: 0, events: 0 }
  let fails = false
  const pageAfter = async (after: Position, stream?: string) => {
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (fails) throw new Error('Connection terminated')
    const first = events.findIndex((event) => event.position > after)
    const there = first < 0 ? [] : events.slice(first)
    const page = (stream ? there.filter((event) => event.stream === stream) : there).slice(0, PAGE)
    read.events += page.length
    return page
  }
  const headNow = (): Position => events.at(-1)?.position ?? at(0)
  const reads = (stream?: string): TailReads => ({
    all: async (after) => {
      read.all++
      return { events: await pageAfter(after), bytes: 1 }
    },
    head: async () => headNow(),
    own: async (after) => {
      read.own++
      const page = await pageAfter(after, stream)
      return { events: page, to: page.at(-1)?.position ?? headNow(), more: page.length === PAGE }
    },
    follows: (event) => stream === undefined || event.stream === stream,
  })
  return {
    read,
    reads,
    head: headNow,
    positions: (stream: string | undefined, after: number) =>
      events
        .filter((event) => event.position > at(after) && (stream === undefined || event.stream === stream))
        .map((event) => Number(event.position)),
    append(stream: string, count = 1) {
      const from = Number(headNow())
      for (let n = 1; n <= count; n++) {
        events.push({ stream: stream as StreamName, position: at(from + n) } as RecordedEvent)
      }
    },
    putBackTo: (position: number) => {
      events = events.filter((event) => event.position <= at(position))
    },
    fail: (is: boolean) => {
      fails = is
    },
  }
}

/** Reads on until there is no more, and answers what came. */
function follower(tail: Tail, reads: TailReads, from: number) {
  let position = at(from)
  return async () => {
    const seen: number[] = []
    for (let more = true; more; ) {
      const page = await tail.page(position, reads)
      seen.push(...page.events.map((event) => Number(event.position)))
      position = page.to
      more = page.more
    }
    return seen
  }
}

test('what one has read is not read for the others again, who get what they follow of it', async () => {
  const ledger = givenLedger()
  const tail = createTail()
  const all = follower(tail, ledger.reads(), 0)
  const onlyA = follower(tail, ledger.reads('a'), 0)
  expect(await all()).toEqual([])
  ledger.append('a')
  ledger.append('b')
  ledger.append('a')
  expect(await all()).toEqual([1, 2, 3])
  expect(await onlyA()).toEqual([1, 3])
  ledger.append('b')
  expect(await Promise.all([onlyA(), all()])).toEqual([[], [4]])
  expect(ledger.read.events).toBe(4)
  expect(ledger.read.own).toBe(1)
})

test('who asks while a read is under way gets what came behind it, too', async () => {
  const ledger = givenLedger()
  const tail = createTail()
  const first = follower(tail, ledger.reads(), 0)
  const second = follower(tail, ledger.reads(), 0)
  await first()
  ledger.append('a')
  const reading = first()
  // Its query has seen one event, and has not answered yet.
  await new Promise<void>((resolve) => setImmediate(resolve))
  ledger.append('a')
  const late = second()
  await reading
  expect(await late).toEqual([1, 2])
})

test('who is behind what is kept reads by itself until it gets there', async () => {
  const ledger = givenLedger()
  const tail = createTail({ events: PAGE, bytes: 1_000 })
  ledger.append('a', 3 * PAGE)
  const atEnd = follower(tail, ledger.reads(), 3 * PAGE)
  await atEnd()
  const own = ledger.read.own
  const behind = follower(tail, ledger.reads('a'), 0)
  const caughtUp = behind()
  ledger.append('a', 10)
  expect(await atEnd()).toEqual(Array.from({ length: 10 }, (_, n) => 3 * PAGE + n + 1))
  expect(await caughtUp).toEqual(Array.from({ length: 3 * PAGE + 10 }, (_, n) => n + 1))
  expect(ledger.read.own).toBeGreaterThan(own + 2)
  const before = ledger.read.own
  ledger.append('a')
  expect(await behind()).toEqual([3 * PAGE + 11])
  expect(ledger.read.own).toBe(before)
})

test('who is far ahead of what is kept begins anew there, also while others read', async () => {
  const ledger = givenLedger()
  const tail = createTail()
  const first = follower(tail, ledger.reads(), 0)
  await first()
  ledger.append('a', 10 * PAGE)
  const reading = tail.page(at(0), ledger.reads())
  await Promise.resolve()
  const ahead = follower(tail, ledger.reads(), 10 * PAGE)
  const looking = ahead()
  await reading
  expect(await looking).toEqual([])
  ledger.append('b')
  expect(await ahead()).toEqual([10 * PAGE + 1])
  // One page of the first, then what the other one was there for.
  expect(ledger.read.events).toBeLessThanOrEqual(2 * PAGE + 1)
})

test('after a failed read, a lost bell, and after the ledger was put back, nothing of before is served', async () => {
  const ledger = givenLedger()
  const tail = createTail()
  const first = follower(tail, ledger.reads(), 0)
  await first()
  ledger.append('a', 3)
  await first()
  for (const lose of [failedRead, tail.forget]) {
    await lose()
    const own = ledger.read.own
    expect(await follower(tail, ledger.reads(), 1)()).toEqual([2, 3])
    expect(ledger.read.own).toBe(own + 1)
  }

  const second = follower(tail, ledger.reads(), 3)
  expect(await second()).toEqual([])
  ledger.putBackTo(1)
  expect(await first()).toEqual([])
  // The first has found out, and what is kept begins at 1 now.
  expect(await second()).toEqual([])
  ledger.append('b')
  expect(await second()).toEqual([2])
  expect(await follower(tail, ledger.reads('b'), 0)()).toEqual([2])
  expect(await follower(tail, ledger.reads('a'), 0)()).toEqual([1])
  expect(await first()).toEqual([2])

  async function failedRead() {
    ledger.fail(true)
    await expect(first()).rejects.toThrow('terminated')
    ledger.fail(false)
  }
})

test('who reads for all and fails, or hangs, takes nobody along', async () => {
  const ledger = givenLedger()
  for (const all of [
    () => Promise.reject(new Error('the pool has ended')),
    () => new Promise<never>(() => {}),
  ]) {
    const tail = createTail()
    const begins = Number(ledger.head())
    const healthy = follower(tail, ledger.reads(), begins)
    await healthy()
    ledger.append('a')
    const broken = tail.page(at(begins), { ...ledger.reads(), all, own: all })
    broken.catch(() => {})
    expect(await healthy()).toEqual([begins + 1])
    ledger.append('a')
    expect(await healthy()).toEqual([begins + 2])
  }
}, 30_000)

test('what is larger than there is room for is read by each', async () => {
  const ledger = givenLedger()
  const tail = createTail({ events: 10, bytes: 1_000 })
  const both = [follower(tail, ledger.reads(), 0), follower(tail, ledger.reads(), 0)]
  for (const look of both) await look()
  ledger.append('a', 11)
  for (const look of both) expect(await look()).toHaveLength(11)
  ledger.append('a')
  const own = ledger.read.own
  for (const look of both) expect(await look()).toEqual([12])
  expect(ledger.read.own).toBe(own)
})

const few = fc.nat({ max: 20 })
const many = fc.nat({ max: 3 * PAGE })
const appended = fc.record({ stream: fc.constantFrom('a', 'b'), count: fc.oneof(few, few, few, many) })
const followed = fc.record({ stream: fc.constantFrom(undefined, 'a', 'b'), from: many })
const step = fc.record({ append: appended, looks: fc.array(fc.nat({ max: 3 }), { maxLength: 4 }) })

test('followers of any pace, wherever they begin, get every event of theirs once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(appended, { maxLength: 3 }),
      fc.array(followed, { minLength: 1, maxLength: 4 }),
      fc.array(step, { maxLength: 12 }),
      many,
      async (before, given, steps, room) => {
        const ledger = givenLedger()
        for (const { stream, count } of before) ledger.append(stream, count)
        const tail = createTail({ events: room, bytes: 1_000 })
        const followers = given.map(({ stream, from }) => {
          const begins = Math.min(from, Number(ledger.head()))
          const look = follower(tail, ledger.reads(stream), begins)
          return { stream, begins, look, seen: [] as number[] }
        })
        for (const { append, looks } of steps) {
          ledger.append(append.stream, append.count)
          const who = followers.filter((_, index) => looks.includes(index))
          await Promise.all(who.map(async (one) => one.seen.push(...(await one.look()))))
        }
        for (const { stream, begins, look, seen } of followers) {
          seen.push(...(await look()))
          expect(seen).toEqual(ledger.positions(stream, begins))
        }
      },
    ),
    { numRuns: 60 },
  )
})

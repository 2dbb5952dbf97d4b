/** How many sends a node takes while there are more than can be answered, when that is over, and when the others come back. */
import { expect, test } from 'vitest'
import { begin } from './load-kit.ts'

test('where sends are refused, as many are taken as can be answered in time', () => {
  const node = begin()
  node.pass(50, 1_000, 1_000) // each takes a second
  expect(node.load.state).toBe('send')
  expect(node.load.allows('send')).toBe(false)
  for (; node.waiting > 0; node.waiting--) node.answer()
  let taken = 0
  while (node.load.allows('send')) {
    node.took()
    taken++
  }
  expect(taken).toBeGreaterThan(200)
  expect(taken).toBeLessThan(300)
})

test('a flood that comes between two samples fills no queue of seconds', () => {
  const node = begin()
  node.pass(50, 1_000, 400) // something is left out already, but sends are not
  expect(node.load.state).not.toBe('calm')
  expect(node.load.state).not.toBe('send')
  let underWay = node.waiting
  while (node.load.allows('send') && underWay < 10_000) {
    node.took()
    underWay++
  }
  expect(underWay).toBeGreaterThan(500)
  expect(underWay).toBeLessThan(800)
  // Sends last: nothing that matters less is let through meanwhile.
  expect(node.load.state).toBe('send')
})

test('a flood that comes in calm fills no queue of seconds either, where it is known what can be answered', () => {
  const node = begin()
  node.pass(50, 1_000)
  expect(node.load.state).toBe('calm')
  let underWay = 0
  while (node.load.allows('send') && underWay < 10_000) {
    node.took()
    underWay++
  }
  expect(underWay).toBe(1_500)
  expect(node.load.state).toBe('send')
})

test('as long as some have to be refused it is a flood, however soon the others are answered; then it is over', () => {
  const node = begin()
  node.pass(50, 1_000, 1_000)
  // Twice as many as can be answered.
  for (let i = 0; i < 100; i++) {
    for (let asked = 0; asked < 200; asked++) {
      if (!node.load.allows('send')) continue
      node.took()
      node.waiting++
    }
    for (let answered = 0; answered < 100; answered++, node.waiting--) node.answer()
    node.now += 100
    node.load.sample()
    expect(node.load.state).toBe('send')
  }
  expect(node.waiting).toBeLessThan(250)
  node.pass(60, 500)
  expect(node.load.state).toBe('calm')
})

test.each([
  { samples: 2, atLeast: 950 },
  { samples: 3, atLeast: 900 },
  { samples: 5, atLeast: 400 },
])(
  'a ledger that takes $samples samples for a batch is asked for what it can do, but for no more than can be answered in time',
  ({ samples, atLeast }) => {
    const node = begin()
    node.flooded({ samples, seconds: 30 })
    const { answered, most } = node.flooded({ samples, seconds: 30 })
    expect(node.load.state).toBe('send')
    expect(answered).toBeGreaterThan(atLeast)
    expect(most).toBeLessThan(750)
  },
)

test('… also where it was not known what it can do when the flood came', () => {
  const node = begin()
  node.pass(50, 10)
  for (let i = 0; i < 5; i++) {
    node.now += 900
    node.load.sample()
  }
  expect(node.load.state).toBe('send')
  node.flooded({ samples: 3, seconds: 30 })
  expect(node.flooded({ samples: 3, seconds: 30 }).answered).toBeGreaterThan(900)
})

test('sends that take 300 ms each, however few they are, are all taken again after a pause of the machine', () => {
  const node = begin()
  const due: number[] = []
  const goOn = (samples: number) => {
    let refused = 0
    for (let i = 0; i < samples; i++) {
      for (let j = 0; j < 100; j++) {
        if (!node.load.allows('send')) refused++
        else if (node.took()) due.push(node.now + 300)
      }
      node.now += 100
      for (; (due[0] ?? Number.POSITIVE_INFINITY) <= node.now; due.shift()) node.answer()
      node.load.sample()
    }
    return refused
  }
  goOn(100)
  expect(node.load.state).toBe('calm')
  for (let i = 0; i < 5; i++) {
    node.now += 900
    node.load.sample()
  }
  expect(node.load.state).toBe('send')
  expect(goOn(300)).toBeGreaterThan(0)
  expect(goOn(100)).toBe(0)
  expect(node.load.state).toBe('calm')
})

test('a node that answers much a second takes more of a burst, and knows a flood where its memory ends, too', () => {
  for (const [perSecond, most] of [
    [10_000, 4_000],
    [20_000, 5_000],
  ] as const) {
    const node = begin()
    node.pass(50, perSecond)
    while (node.load.allows('send') && node.sends.length < 10_000) node.took()
    expect(node.sends.length).toBe(most)
    expect(node.load.state).toBe('send')
    node.load.close()
  }
})

test('new sockets are taken a few at a time while sends are refused', () => {
  const node = begin()
  node.pass(5)
  for (let i = 0; i < 1000; i++) expect(node.load.allows('socket')).toBe(true)
  node.pass(50, 1_000, 1_000)
  const taken = Array.from({ length: 100 }, () => node.load.allows('socket')).filter(Boolean)
  expect(taken).toHaveLength(5)
})

test('those who are told to come back do not come back at once', () => {
  const node = begin()
  const waits = Array.from({ length: 1000 }, () => node.load.retryAfterMs())
  expect(Math.max(...waits)).toBeGreaterThan(1_200)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500)
  expect(new Set(waits).size).toBeGreaterThan(300)
  const calm = Math.max(...waits)
  const flood = (asked: number) => {
    node.flooded({ samples: 1, seconds: 10, asked })
    return Math.max(...Array.from({ length: 1000 }, () => node.load.retryAfterMs()))
  }
  const twice = flood(200)
  expect(twice).toBeGreaterThan(1.5 * calm)
  expect(flood(400)).toBeGreaterThan(1.3 * twice)
})

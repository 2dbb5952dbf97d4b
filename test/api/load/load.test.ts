import { afterEach, expect, test } from 'vitest'
import { createLoad, type Load } from '../../../api/load/load.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

let now = 0
let load: Load
/** Under way since the last `pass`. */
let waiting = 0
/** Oldest first. */
let sends: (() => void)[] = []
const took = () => sends.push(load.began())
const answer = () => sends.shift()?.()
afterEach(() => load.close())

function begin(): void {
  now = 1_000_000
  waiting = 0
  sends = []
  load = createLoad(createMetrics('test'), () => now)
}

/** Time goes on as it should, so many being answered a second while so many are under way. */
function pass(samples: number, perSecond = 100, underWay = 0): void {
  for (; waiting < underWay; waiting++) took()
  for (; waiting > underWay; waiting--) answer()
  for (let i = 0; i < samples; i++) {
    now += 100
    for (let j = 0; j < perSecond / 10; j++) {
      took()
      answer()
    }
    load.sample()
  }
}

test('in calm everything is allowed, and one long pause of the machine refuses no send', () => {
  begin()
  pass(10)
  expect(load.state).toBe('calm')
  now += 5_000
  expect(load.allows('send')).toBe(false) // within the turn that takes so long
  load.sample()
  expect(load.allows('send')).toBe(true)
  pass(40)
  expect(load.state).toBe('calm')
})

test('sends that wait shed what matters less first, and sends last', () => {
  begin()
  const states = new Set<string>()
  for (let underWay = 0; underWay < 1200; underWay += 5) {
    pass(3, 1000, underWay)
    states.add(load.state)
  }
  expect([...states]).toEqual(['calm', 'typing', 'presence', 'read', 'delivered', 'send'])
})

test('answers that come in batches are no queue', () => {
  begin()
  const unanswered = 200
  for (let i = 0; i < unanswered; i++) took()
  for (let i = 0; i < 100; i++) {
    now += 100
    // A commit every 300 ms, and one answer in between: 1,000 a second, but 10 in most samples.
    const answers = i % 3 === 2 ? 298 : 1
    for (let j = 0; j < answers; j++) {
      answer()
      took()
    }
    load.sample()
  }
  expect(load.allows('read')).toBe(true)
})

test('a ledger that stands still for a moment is no flood: everything is taken meanwhile, and while it makes up for it', () => {
  begin()
  pass(50, 1_000, 150)
  const step = (answers: number) => {
    now += 100
    for (let i = 0; i < 100; i++) {
      expect(load.allows('send')).toBe(true)
      took()
    }
    for (let i = 0; i < answers; i++) answer()
    load.sample()
  }
  for (let i = 0; i < 4; i++) step(0)
  for (let i = 0; i < 10; i++) step(140)
  expect(load.allows('send')).toBe(true)
})

test('a quiet node takes a burst that it can answer in time, and holds nothing back for it', () => {
  begin()
  pass(50, 10)
  for (let i = 0; i < 800; i++) {
    expect(load.allows('send')).toBe(true)
    took()
  }
  for (let left = 800; left > 0; left -= 200) {
    now += 100
    for (let i = 0; i < 200; i++) answer()
    load.sample()
    expect(load.allows('send') && load.allows('read')).toBe(true)
  }
})

test('a few sends that take long are no queue', () => {
  begin()
  pass(100, 10, 50)
  expect(load.state).toBe('calm')
})

test('an event loop that is late for some time sheds too', () => {
  begin()
  for (let i = 0; i < 20; i++) {
    now += 900
    load.sample()
  }
  expect(load.state).toBe('send')
})

test('a ledger that answers nothing at all is noticed, although nothing was measured', () => {
  begin()
  pass(10)
  for (let i = 0; i < 100; i++) took()
  for (let i = 0; i < 50; i++) {
    now += 100
    load.sample()
  }
  expect(load.state).toBe('send')
  expect(load.allows('send')).toBe(false)
})

test('where sends are refused, as many are taken as can be answered in time', () => {
  begin()
  pass(50, 1_000, 1_000) // each takes a second
  expect(load.state).toBe('send')
  expect(load.allows('send')).toBe(false)
  for (; waiting > 0; waiting--) answer()
  let taken = 0
  while (load.allows('send')) {
    took()
    taken++
  }
  expect(taken).toBeGreaterThan(200)
  expect(taken).toBeLessThan(300)
})

test('a flood that comes between two samples fills no queue of seconds', () => {
  begin()
  pass(50, 1_000, 400) // something is left out already, but sends are not
  expect(load.state).not.toBe('calm')
  expect(load.state).not.toBe('send')
  let underWay = waiting
  while (load.allows('send') && underWay < 10_000) {
    took()
    underWay++
  }
  expect(underWay).toBeGreaterThan(500)
  expect(underWay).toBeLessThan(800)
  // Sends last: nothing that matters less is let through meanwhile.
  expect(load.state).toBe('send')
})

test('a flood that comes in calm fills no queue of seconds either, where it is known what can be answered', () => {
  begin()
  pass(50, 1_000)
  expect(load.state).toBe('calm')
  let underWay = 0
  while (load.allows('send') && underWay < 10_000) {
    took()
    underWay++
  }
  expect(underWay).toBe(1_500)
  expect(load.state).toBe('send')
})

test('as long as some have to be refused it is a flood, however soon the others are answered; then it is over', () => {
  begin()
  pass(50, 1_000, 1_000)
  // Twice as many as can be answered.
  for (let i = 0; i < 100; i++) {
    for (let asked = 0; asked < 200; asked++) {
      if (!load.allows('send')) continue
      took()
      waiting++
    }
    for (let answered = 0; answered < 100; answered++, waiting--) answer()
    now += 100
    load.sample()
    expect(load.state).toBe('send')
  }
  expect(waiting).toBeLessThan(250)
  pass(60, 500)
  expect(load.state).toBe('calm')
})

/**
 * A ledger that writes a batch of at most 1,000 a second in so many samples; while it writes the next gathers.
 * @returns how many it answered a second, and the most that were under way.
 */
function flooded({ samples, seconds, asked = 300 }: { samples: number; seconds: number; asked?: number }) {
  let [writing, answered, most] = [0, 0, 0]
  for (let i = 0; i < seconds * 10; i++) {
    for (let j = 0; j < asked; j++) if (load.allows('send')) took()
    most = Math.max(most, sends.length)
    now += 100
    if (i % samples === samples - 1) {
      for (; writing > 0; writing--, answered++) answer()
      writing = Math.min(sends.length, 100 * samples)
    }
    load.sample()
  }
  return { answered: answered / seconds, most }
}

test.each([
  { samples: 2, atLeast: 950 },
  { samples: 3, atLeast: 900 },
  { samples: 5, atLeast: 400 },
])(
  'a ledger that takes $samples samples for a batch is asked for what it can do, but for no more than can be answered in time',
  ({ samples, atLeast }) => {
    begin()
    flooded({ samples, seconds: 30 })
    const { answered, most } = flooded({ samples, seconds: 30 })
    expect(load.state).toBe('send')
    expect(answered).toBeGreaterThan(atLeast)
    expect(most).toBeLessThan(750)
  },
)

test('… also where it was not known what it can do when the flood came', () => {
  begin()
  pass(50, 10)
  for (let i = 0; i < 5; i++) {
    now += 900
    load.sample()
  }
  expect(load.state).toBe('send')
  flooded({ samples: 3, seconds: 30 })
  expect(flooded({ samples: 3, seconds: 30 }).answered).toBeGreaterThan(900)
})

test('sends that take 300 ms each, however few they are, are all taken again after a pause of the machine', () => {
  begin()
  const due: number[] = []
  const goOn = (samples: number) => {
    let refused = 0
    for (let i = 0; i < samples; i++) {
      for (let j = 0; j < 100; j++) {
        if (!load.allows('send')) refused++
        else if (took()) due.push(now + 300)
      }
      now += 100
      for (; (due[0] ?? Number.POSITIVE_INFINITY) <= now; due.shift()) answer()
      load.sample()
    }
    return refused
  }
  goOn(100)
  expect(load.state).toBe('calm')
  for (let i = 0; i < 5; i++) {
    now += 900
    load.sample()
  }
  expect(load.state).toBe('send')
  expect(goOn(300)).toBeGreaterThan(0)
  expect(goOn(100)).toBe(0)
  expect(load.state).toBe('calm')
})

test('a node that answers much a second takes more of a burst, and knows a flood where its memory ends, too', () => {
  for (const [perSecond, most] of [
    [10_000, 4_000],
    [20_000, 5_000],
  ] as const) {
    begin()
    pass(50, perSecond)
    while (load.allows('send') && sends.length < 10_000) took()
    expect(sends.length).toBe(most)
    expect(load.state).toBe('send')
    load.close()
  }
})

test('new sockets are taken a few at a time while sends are refused', () => {
  begin()
  pass(5)
  for (let i = 0; i < 1000; i++) expect(load.allows('socket')).toBe(true)
  pass(50, 1_000, 1_000)
  const taken = Array.from({ length: 100 }, () => load.allows('socket')).filter(Boolean)
  expect(taken).toHaveLength(5)
})

test('those who are told to come back do not come back at once', () => {
  begin()
  const waits = Array.from({ length: 1000 }, () => load.retryAfterMs())
  expect(Math.max(...waits)).toBeGreaterThan(1_200)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500)
  expect(new Set(waits).size).toBeGreaterThan(300)
  const calm = Math.max(...waits)
  const flood = (asked: number) => {
    flooded({ samples: 1, seconds: 10, asked })
    return Math.max(...Array.from({ length: 1000 }, () => load.retryAfterMs()))
  }
  const twice = flood(200)
  expect(twice).toBeGreaterThan(1.5 * calm)
  expect(flood(400)).toBeGreaterThan(1.3 * twice)
})

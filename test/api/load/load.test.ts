import { afterEach, expect, test } from 'vitest'
import { createLoad, type Load } from '../../../api/load/load.ts'
import { createMetrics } from '../../../runtime/metrics.ts'

let now = 0
let load: Load
/** Under way since the last `pass`. */
let waiting = 0
afterEach(() => load.close())

function begin(): void {
  now = 1_000_000
  waiting = 0
  load = createLoad(createMetrics('test'), () => now)
}

/** Time goes on as it should, so many being answered a second while so many are under way. */
function pass(samples: number, perSecond = 100, underWay = 0): void {
  for (; waiting < underWay; waiting++) load.began()
  for (; waiting > underWay; waiting--) load.ended()
  for (let i = 0; i < samples; i++) {
    now += 100
    for (let j = 0; j < perSecond / 10; j++) {
      load.began()
      load.ended()
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
  for (let i = 0; i < unanswered; i++) load.began()
  for (let i = 0; i < 100; i++) {
    now += 100
    // A commit every 300 ms, and one answer in between: 1,000 a second, but 10 in most samples.
    const answers = i % 3 === 2 ? 298 : 1
    for (let j = 0; j < answers; j++) {
      load.ended()
      load.began()
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
      load.began()
    }
    for (let i = 0; i < answers; i++) load.ended()
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
    load.began()
  }
  for (let left = 800; left > 0; left -= 200) {
    now += 100
    for (let i = 0; i < 200; i++) load.ended()
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
  for (let i = 0; i < 100; i++) load.began()
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
  for (; waiting > 0; waiting--) load.ended()
  let taken = 0
  while (load.allows('send')) {
    load.began()
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
    load.began()
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
    load.began()
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
      load.began()
      waiting++
    }
    for (let answered = 0; answered < 100; answered++, waiting--) load.ended()
    now += 100
    load.sample()
    expect(load.state).toBe('send')
  }
  expect(waiting).toBeLessThan(250)
  pass(60, 500)
  expect(load.state).toBe('calm')
})

test.each([
  { samples: 3, atLeast: 700 },
  { samples: 5, atLeast: 400 },
])(
  'a ledger that takes $samples samples for a batch is asked for what it can do, but not more than can be answered in time, all through a flood',
  ({ samples, atLeast }) => {
    begin()
    let [gathering, writing, answered, most] = [0, 0, 0, 0]
    for (let i = 0; i < 600; i++) {
      if (i === 300) answered = most = 0
      for (let asked = 0; asked < 300; asked++) {
        if (!load.allows('send')) continue
        load.began()
        gathering++
      }
      most = Math.max(most, gathering + writing)
      now += 100
      if (i % samples === samples - 1) {
        for (; writing > 0; writing--, answered++) load.ended()
        writing = Math.min(gathering, 100 * samples)
        gathering -= writing
      }
      load.sample()
    }
    expect(load.state).toBe('send')
    expect(answered / 30).toBeGreaterThan(atLeast)
    expect(most).toBeLessThan(700)
  },
)

test('a quiet time before a flood is not taken for a slow ledger', () => {
  begin()
  for (let i = 0; i < 10; i++) {
    pass(19, 0)
    pass(1, 10)
  }
  while (load.allows('send')) {
    load.began()
    waiting++
  }
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 100; j++, waiting--) load.ended()
    now += 100
    load.sample()
  }
  for (; waiting > 0; waiting--) load.ended()
  let taken = 0
  for (; load.allows('send'); taken++) load.began()
  expect(taken).toBeGreaterThan(100)
  expect(taken).toBeLessThan(200)
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
  pass(50, 1_000, 2_000)
  expect(Math.max(...Array.from({ length: 100 }, () => load.retryAfterMs()))).toBeGreaterThan(calm)
})

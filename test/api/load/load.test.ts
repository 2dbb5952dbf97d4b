/** What a node takes for a queue, and what only looks like one. How many sends it takes in a flood: `floods.test.ts`. */
import { expect, test } from 'vitest'
import { begin } from './load-kit.ts'

test('in calm everything is allowed, and one long pause of the machine refuses no send', () => {
  const node = begin()
  node.pass(10)
  expect(node.load.state).toBe('calm')
  node.now += 5_000
  expect(node.load.allows('send')).toBe(false) // within the turn that takes so long
  node.load.sample()
  expect(node.load.allows('send')).toBe(true)
  node.pass(40)
  expect(node.load.state).toBe('calm')
})

test('sends that wait shed what matters less first, and sends last', () => {
  const node = begin()
  const states = new Set<string>()
  for (let underWay = 0; underWay < 1200; underWay += 5) {
    node.pass(3, 1000, underWay)
    states.add(node.load.state)
  }
  expect([...states]).toEqual(['calm', 'typing', 'presence', 'read', 'delivered', 'send'])
})

test('answers that come in batches are no queue', () => {
  const node = begin()
  const unanswered = 200
  for (let i = 0; i < unanswered; i++) node.took()
  for (let i = 0; i < 100; i++) {
    node.now += 100
    // A commit every 300 ms, and one answer in between: 1,000 a second, but 10 in most samples.
    const answers = i % 3 === 2 ? 298 : 1
    for (let j = 0; j < answers; j++) {
      node.answer()
      node.took()
    }
    node.load.sample()
  }
  expect(node.load.allows('read')).toBe(true)
})

test('a ledger that stands still for a moment is no flood: everything is taken meanwhile, and while it makes up for it', () => {
  const node = begin()
  node.pass(50, 1_000, 150)
  const step = (answers: number) => {
    node.now += 100
    for (let i = 0; i < 100; i++) {
      expect(node.load.allows('send')).toBe(true)
      node.took()
    }
    for (let i = 0; i < answers; i++) node.answer()
    node.load.sample()
  }
  for (let i = 0; i < 4; i++) step(0)
  for (let i = 0; i < 10; i++) step(140)
  expect(node.load.allows('send')).toBe(true)
})

test('a quiet node takes a burst that it can answer in time, and holds nothing back for it', () => {
  const node = begin()
  node.pass(50, 10)
  for (let i = 0; i < 800; i++) {
    expect(node.load.allows('send')).toBe(true)
    node.took()
  }
  for (let left = 800; left > 0; left -= 200) {
    node.now += 100
    for (let i = 0; i < 200; i++) node.answer()
    node.load.sample()
    expect(node.load.allows('send') && node.load.allows('read')).toBe(true)
  }
})

test('a few sends that take long are no queue', () => {
  const node = begin()
  node.pass(100, 10, 50)
  expect(node.load.state).toBe('calm')
})

test('an event loop that is late for some time sheds too', () => {
  const node = begin()
  for (let i = 0; i < 20; i++) {
    node.now += 900
    node.load.sample()
  }
  expect(node.load.state).toBe('send')
})

test('a ledger that answers nothing at all is noticed, although nothing was measured', () => {
  const node = begin()
  node.pass(10)
  for (let i = 0; i < 100; i++) node.took()
  for (let i = 0; i < 50; i++) {
    node.now += 100
    node.load.sample()
  }
  expect(node.load.state).toBe('send')
  expect(node.load.allows('send')).toBe(false)
})

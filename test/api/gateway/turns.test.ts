import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTurns } from '../../../api/gateway/turns.ts'

const MAX_REST_MS = 100

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Readings that end when they are told to. */
function begin(atOnce: number) {
  const turns = createTurns(atOnce)
  const running = new Map<string, () => void>()
  const read = (name: string, stage?: 'new' | 'begun') =>
    turns(() => new Promise<void>((resolve) => running.set(name, resolve)), stage)
  const end = async (name: string, restMs = MAX_REST_MS) => {
    running.get(name)?.()
    running.delete(name)
    await vi.advanceTimersByTimeAsync(restMs)
  }
  return { running, read, end, turns }
}

test('no more read at once than may', async () => {
  const { running, read, end } = begin(2)
  for (const name of ['a', 'b', 'c']) void read(name)
  expect([...running.keys()]).toEqual(['a', 'b'])
  await end('a')
  void read('d')
  expect([...running.keys()]).toEqual(['b', 'c'])
})

test('who has begun goes on before others begin', async () => {
  const { running, read, end } = begin(1)
  for (const name of ['a', 'b', 'c']) void read(name)
  void read('a again', 'begun')
  await end('a')
  expect([...running.keys()]).toEqual(['a again'])
  await end('a again')
  expect([...running.keys()]).toEqual(['b'])
})

test('who goes on and on does not keep out who has not begun', async () => {
  const { running, read, end } = begin(1)
  void read('page')
  void read('newcomer')
  let pages = 0
  while (!running.has('newcomer')) {
    void read('page', 'begun')
    await end('page')
    expect(++pages).toBeLessThan(10)
  }
})

test('a reading that fails gives its place on', async () => {
  const { running, read, turns } = begin(1)
  const failed = turns(() => Promise.reject(new Error('away')))
  void read('b')
  await expect(failed).rejects.toThrow('away')
  await vi.advanceTimersByTimeAsync(MAX_REST_MS)
  expect([...running.keys()]).toEqual(['b'])
})

test('while somebody waits who has not begun, a place rests for as long as the reading in it took, and for a tenth of a second at most', async () => {
  const { running, read, end } = begin(1)
  for (const name of ['a', 'b', 'c']) void read(name)
  vi.advanceTimersByTime(40)
  await end('a', 39)
  expect([...running.keys()]).toEqual([])
  // Whoever has begun and comes meanwhile goes on first.
  void read('a again', 'begun')
  await vi.advanceTimersByTimeAsync(1)
  expect([...running.keys()]).toEqual(['a again'])
  vi.advanceTimersByTime(5_000)
  await end('a again', 99)
  expect([...running.keys()]).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect([...running.keys()]).toEqual(['b'])
})

test('where all have begun, as with long polls that are live, nobody waits for a rest', async () => {
  const { running, read, end } = begin(1)
  for (const name of ['a', 'b']) void read(name, 'begun')
  vi.advanceTimersByTime(40)
  await end('a', 0)
  expect([...running.keys()]).toEqual(['b'])
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLosses } from '../../../runtime/bus/losses.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function losses() {
  const gap = vi.fn()
  return { gap, ...createLosses({ publish: async () => {}, gap, log: { warn: () => {} } }) }
}

test('what several processes tell at about the same time is one gap', () => {
  const { gap, heard } = losses()
  heard()
  vi.advanceTimersByTime(400)
  heard()
  vi.advanceTimersByTime(10_000)
  expect(gap).toHaveBeenCalledTimes(1)
  heard()
  vi.advanceTimersByTime(10_000)
  expect(gap).toHaveBeenCalledTimes(2)
})

test('a bus that is closed takes nothing for a gap any more, and holds no process up', () => {
  const { gap, heard, close } = losses()
  heard()
  close()
  heard()
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(10_000)
  expect(gap).not.toHaveBeenCalled()
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keptFor } from '../../runtime/kept-for.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('who asks while an answer is on its way, or has just come, gets that one', async () => {
  let asked = 0
  let answer: (text: string) => void = () => {}
  const kept = keptFor(1000, () => {
    asked++
    return new Promise<string>((resolve) => {
      answer = resolve
    })
  })
  const waiting = [kept(), kept()]
  await vi.advanceTimersByTimeAsync(5000)
  waiting.push(kept())
  answer('first')
  expect(await Promise.all(waiting)).toEqual(['first', 'first', 'first'])
  await vi.advanceTimersByTimeAsync(999)
  expect(await kept()).toBe('first')
  expect(asked).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  const later = kept()
  answer('second')
  expect(await later).toBe('second')
  expect(asked).toBe(2)
})

test('a failure is kept no less than an answer, and no longer', async () => {
  let asked = 0
  const kept = keptFor(1000, async () => {
    if (++asked === 1) throw new Error('down')
    return 'up'
  })
  for (let i = 0; i < 3; i++) await expect(kept()).rejects.toThrow('down')
  expect(asked).toBe(1)
  await vi.advanceTimersByTimeAsync(1000)
  expect(await kept()).toBe('up')
})

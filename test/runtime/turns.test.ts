import { expect, test, vi } from 'vitest'
import { createTurns } from '../../runtime/turns.ts'

test('a loop goes on within its turn, then lets others have theirs, and begins a new one', async () => {
  let now = 1_000
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  try {
    const turnIsOver = createTurns(10)
    expect(turnIsOver()).toBeUndefined()
    now += 9.9
    expect(turnIsOver()).toBeUndefined()
    now += 0.1
    let hadTheirs = false
    setImmediate(() => {
      hadTheirs = true
    })
    await turnIsOver()
    expect(hadTheirs).toBe(true)
    expect(turnIsOver()).toBeUndefined()
    now += 10
    expect(turnIsOver()).toBeInstanceOf(Promise)
  } finally {
    clock.mockRestore()
  }
})

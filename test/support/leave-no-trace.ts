/** Tests of the quick project share their workers, and with them the clock: each file gives it back. */
import { afterAll, vi } from 'vitest'

afterAll(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

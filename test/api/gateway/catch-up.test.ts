/** How long a reader that is slow is waited for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type CatchUpDeps, createCatchUp } from '../../../api/gateway/catch-up.ts'
import { MAX_BACKLOG_BYTES, type Session } from '../../../api/gateway/session.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

test('a clock that is set ahead makes no reader slow', async () => {
  const closedWith: number[] = []
  const session = {
    mode: 'behind',
    backlog: MAX_BACKLOG_BYTES,
    close: (code: number) => closedWith.push(code),
  }
  const { run } = createCatchUp({ report: () => {} } as unknown as CatchUpDeps)
  const running = run(session as unknown as Session, { kept: 0n, knownFrom: 0n } as never)
  vi.setSystemTime(Date.now() + 3_600_000)
  await sleep(100)
  expect(closedWith).toEqual([])
  session.mode = 'closed'
  await running
})

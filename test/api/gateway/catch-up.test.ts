/** Who is not caught up with: a reader that is slow, and a socket that is gone before it is its turn. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type CatchUpDeps, createCatchUp } from '../../../api/gateway/catch-up.ts'
import { MAX_BACKLOG_BYTES, type Session, type SessionMode } from '../../../api/gateway/session.ts'
import { createTurns } from '../../../api/gateway/turns.ts'
import type { Position } from '../../../ledger/ledger.ts'

const start = { kept: 0n as Position, knownFrom: 0n as Position }

test('for a socket that is gone while it waits for its turn, nothing is read', async () => {
  const turns = createTurns(1)
  let read = 0
  const catchUp = createCatchUp({
    pool: {
      query: async () => {
        read++
        return { rows: [] }
      },
    },
    ledger: { head: async () => 1n },
    waiter: { waitFor: async () => true },
    turns,
    report: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as CatchUpDeps)
  const sessionThatIs = (mode: SessionMode) => ({
    mode,
    backlog: 0,
    position: 0n,
    startCatchingUp: () => {},
    settle(this: { mode: SessionMode }) {
      if (this.mode !== 'closed') this.mode = 'live'
    },
  })
  let giveBack = () => {}
  void turns(() => new Promise<void>((resolve) => (giveBack = resolve)))
  const [gone, waitedFor, here] = [
    sessionThatIs('catching-up'),
    sessionThatIs('live'),
    sessionThatIs('catching-up'),
  ]
  const waiting = [
    catchUp.run(gone as unknown as Session, start),
    catchUp.look(waitedFor as unknown as Session),
    catchUp.run(here as unknown as Session, start),
  ]
  await new Promise((resolve) => setTimeout(resolve, 20))
  gone.mode = 'closed'
  waitedFor.mode = 'closed'
  giveBack()
  await Promise.all(waiting)
  expect(read).toBe(1)
  expect(here.mode).toBe('live')
})

test('a session that is doubted stays live until it is its turn', async () => {
  const turns = createTurns(1)
  const catchUp = createCatchUp({
    pool: { query: async () => ({ rows: [] }) },
    ledger: { head: async () => 1n },
    waiter: { waitFor: async () => true },
    turns,
    report: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as CatchUpDeps)
  const modes: string[] = []
  const session = {
    mode: 'live' as SessionMode,
    backlog: 0,
    position: 0n,
    doubted: false,
    startCatchingUp(this: { mode: SessionMode }) {
      this.mode = 'catching-up'
      modes.push('catching-up')
    },
    settle(this: { mode: SessionMode; doubted: boolean }) {
      this.mode = 'live'
      this.doubted = false
      modes.push('live')
    },
  }
  let giveBack = () => {}
  void turns(() => new Promise<void>((resolve) => (giveBack = resolve)))
  const resumed = catchUp.resume(session as unknown as Session)
  // It is about to be read for, and needs no look of its own.
  const looked = catchUp.look(session as unknown as Session)
  await sleep(20)
  expect([session.mode, session.doubted, modes]).toEqual(['live', true, []])
  giveBack()
  await Promise.all([resumed, looked])
  expect([session.mode, session.doubted, modes]).toEqual(['live', false, ['catching-up', 'live']])
})

test('a session that falls behind while it waits for its turn is read for from where it stood', async () => {
  const turns = createTurns(1)
  const reads: unknown[] = []
  const catchUp = createCatchUp({
    pool: {
      query: async ({ values }: { values: unknown[] }) => {
        reads.push(values)
        return { rows: [] }
      },
    },
    ledger: { head: async () => 9n },
    waiter: { waitFor: async () => true },
    turns,
    report: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as CatchUpDeps)
  const session = {
    mode: 'live' as SessionMode,
    backlog: 0,
    position: 3n,
    startCatchingUp(this: { mode: SessionMode }) {
      this.mode = 'catching-up'
    },
    settle(this: { mode: SessionMode }) {
      this.mode = 'live'
    },
  }
  let giveBack = () => {}
  void turns(() => new Promise<void>((resolve) => (giveBack = resolve)))
  const resumed = catchUp.resume(session as unknown as Session)
  await sleep(20)
  session.mode = 'behind'
  giveBack()
  await resumed
  expect([session.mode, reads.length]).toEqual(['live', 1])
  expect(reads[0]).toContain(3n)
})

test('where a live session held a frame, the end of the ledger is looked at once more before it is read for', async () => {
  const heads: bigint[] = [100n, 102n]
  const waitedFor: bigint[] = []
  const settled: bigint[] = []
  const catchUp = createCatchUp({
    pool: { query: async () => ({ rows: [] }) },
    ledger: { head: async () => heads.shift() ?? 102n },
    waiter: {
      waitFor: async (position: bigint) => {
        waitedFor.push(position)
        return true
      },
    },
    turns: createTurns(),
    report: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as CatchUpDeps)
  const session = {
    mode: 'live' as SessionMode,
    backlog: 0,
    position: 90n,
    startCatchingUp(this: { mode: SessionMode }) {
      const wasLive = this.mode === 'live'
      this.mode = 'catching-up'
      return wasLive
    },
    settle(this: { mode: SessionMode }, upTo: bigint) {
      this.mode = 'live'
      settled.push(upTo)
    },
  }
  await catchUp.resume(session as unknown as Session)
  expect(settled).toEqual([102n])
  expect(waitedFor.at(-1)).toBe(102n)
})

test('a clock that is set ahead makes no reader slow', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const closedWith: number[] = []
  const session = {
    mode: 'behind',
    backlog: MAX_BACKLOG_BYTES,
    close: (code: number) => closedWith.push(code),
  }
  const { run } = createCatchUp({ report: () => {} } as unknown as CatchUpDeps)
  const running = run(session as unknown as Session, start)
  vi.setSystemTime(Date.now() + 3_600_000)
  await sleep(100)
  expect(closedWith).toEqual([])
  session.mode = 'closed'
  await running
})

/** Who is not caught up with: a reader that is slow, and a socket that is gone before it is its turn. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type CatchUpDeps, createCatchUp } from '../../../api/gateway/catch-up.ts'
import { MAX_BACKLOG_BYTES, type Session, type SessionMode } from '../../../api/gateway/session.ts'
import { createTurns } from '../../../api/gateway/turns.ts'
import type { Position } from '../../../ledger/ledger.ts'

const start = { kept: 0n as Position, knownFrom: 0n as Position }

/** Nobody missed anything but messages at these positions, and one turn at a time, which is taken until it is given back. */
function given({ heads = [] as bigint[], isTaken = true, reached = 0n, positions = [] as bigint[] } = {}) {
  const turns = createTurns(1)
  let giveBack = () => {}
  if (isTaken) void turns(() => new Promise<void>((resolve) => (giveBack = resolve)))
  const reads: unknown[][] = []
  const waitedFor: bigint[] = []
  const catchUp = createCatchUp({
    pool: {
      query: async ({ name, values }: { name: string; values: unknown[] }) => {
        if (name !== 'conversations of a person that were freed since a position') reads.push(values)
        const missed = [{ from: 1, to: positions.length }]
        if (name === 'receipts that a device missed') {
          const receipt = { conversationId: 'c', userId: 'ann', kind: 'read', sent_at: '1', at: '1' }
          return { rows: positions.map((position, index) => ({ ...receipt, upTo: index + 1, position })) }
        }
        const isMissed = name === 'conversations to catch up on' && positions.length > 0
        return {
          rows: isMissed
            ? [{ conversationId: 'c', lastSeq: positions.length, missed, deleted_up_to: null }]
            : [],
        }
      },
    },
    ledger: { head: async () => heads.shift() ?? 9n },
    waiter: {
      reached,
      waitFor: async (position: bigint) => {
        waitedFor.push(position)
        return true
      },
    },
    messagePages: async () => ({
      messages: positions.map((position, index) => ({
        seq: index + 1,
        senderId: 'ann',
        position,
        json: `message ${index + 1}`,
      })),
      upTo: positions.length,
    }),
    turns,
    report: (error: unknown) => expect.unreachable(String(error)),
  } as unknown as CatchUpDeps)
  return { catchUp, reads, waitedFor, giveBack: () => giveBack() }
}

/** Follows its states; `holds` a frame while it is live. */
function sessionThatIs(mode: SessionMode, holds = false) {
  const modes: string[] = []
  const session = {
    mode,
    backlog: 0,
    position: 3n,
    doubted: false,
    startCatchingUp: () => {
      const held = session.mode === 'live' && holds
      session.mode = 'catching-up'
      modes.push('catching-up')
      return held
    },
    settle: (upTo: bigint) => {
      if (session.mode !== 'catching-up') return
      session.mode = 'live'
      session.doubted = false
      modes.push(`live at ${upTo}`)
    },
  }
  return { session, as: session as unknown as Session, modes }
}

test('for a socket that is gone while it waits for its turn, nothing is read', async () => {
  const { catchUp, reads, giveBack } = given()
  const [gone, waitedFor, here] = [
    sessionThatIs('catching-up'),
    sessionThatIs('live'),
    sessionThatIs('catching-up'),
  ]
  const waiting = [catchUp.run(gone.as, start), catchUp.look(waitedFor.as), catchUp.run(here.as, start)]
  await sleep(20)
  gone.session.mode = 'closed'
  waitedFor.session.mode = 'closed'
  giveBack()
  await Promise.all(waiting)
  expect(reads).toHaveLength(1)
  expect(here.session.mode).toBe('live')
})

test('a session that is doubted stays live until it is its turn', async () => {
  const { catchUp, reads, giveBack } = given()
  const { session, as, modes } = sessionThatIs('live')
  const resumed = catchUp.resume(as)
  // It is about to be read for, and needs no look of its own.
  const looked = catchUp.look(as)
  await sleep(20)
  expect([session.mode, session.doubted, modes]).toEqual(['live', true, []])
  giveBack()
  await Promise.all([resumed, looked])
  expect([session.doubted, modes, reads.length]).toEqual([false, ['catching-up', 'live at 9'], 1])
})

test('a session that falls behind while it waits for its turn is read for from where it stood', async () => {
  const { catchUp, reads, giveBack } = given()
  const { session, as } = sessionThatIs('live')
  const resumed = catchUp.resume(as)
  await sleep(20)
  session.mode = 'behind'
  giveBack()
  await resumed
  expect([session.mode, reads.length]).toEqual(['live', 1])
  expect(reads[0]).toContain(3n)
})

test('where a live session held a frame, the end of the ledger is looked at once more before it is read for', async () => {
  // The first is that of the doubt, the second that before its turn.
  const { catchUp, reads, waitedFor } = given({ heads: [100n, 100n, 102n], isTaken: false })
  const { as, modes } = sessionThatIs('live', true)
  await catchUp.resume(as)
  expect(waitedFor).toEqual([100n, 100n, 102n])
  expect([modes.at(-1), reads.length]).toEqual(['live at 102', 1])
})

test('a session stands where the read models were when it was read for, though others waited for more than it did', async () => {
  const { catchUp, waitedFor } = given({ isTaken: false, reached: 12n })
  const { as, modes } = sessionThatIs('catching-up')
  await catchUp.run(as, start)
  expect(waitedFor).toEqual([9n])
  expect(modes.at(-1)).toBe('live at 12')
})

test('what was recorded while it was read comes behind `live`, whose position lies before it', async () => {
  // Read models go on meanwhile: the third message is later than the end of the ledger was.
  const { catchUp } = given({ isTaken: false, positions: [5n, 9n, 11n] })
  const { session, modes } = sessionThatIs('catching-up')
  const sent: string[] = []
  const marked: number[] = []
  Object.assign(session, {
    userId: 'ben',
    send: (json: string) => sent.push(json),
    sentUpTo: () => 0,
    markSent: (_: string, seq: number) => marked.push(seq),
    wasTold: () => false,
  })
  await catchUp.run(session as unknown as Session, start)
  expect(sent.slice(0, 2)).toEqual(['message 1', 'message 2'])
  // A receipt stands for those before it, which nobody pushes again.
  expect(sent.slice(2).map((json) => JSON.parse(json))).toMatchObject([
    { t: 'receipt', upTo: 1 },
    { t: 'receipt', upTo: 2 },
    { t: 'receipt', upTo: 3 },
  ])
  // Its push is not taken for sent.
  expect(Math.max(...marked)).toBe(2)
  expect(modes.at(-1)).toBe('live at 9')
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

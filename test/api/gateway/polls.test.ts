/** Polls that are over before it is their turn to read, without a server. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPolls, type PollsDeps } from '../../../api/gateway/polls.ts'
import type { Session } from '../../../api/gateway/session.ts'
import { createTurns } from '../../../api/gateway/turns.ts'
import type { DeviceId } from '../../../domain/ids.ts'
import type { Position } from '../../../ledger/ledger.ts'

const RECEIPT = { conversationId: 'c', userId: 'ben', kind: 'read', upTo: 1, at: '1', position: '5' }
const turnOfTheLoop = () => new Promise(setImmediate)

/** One device with one receipt to read, whose database answers when it is let. */
function begin() {
  const turns = createTurns(1)
  const sessions: Session[] = []
  const dismissed: Session[] = []
  let claimedAnew = 0
  let pagesRead = 0
  let letRead = () => {}
  let reading = Promise.resolve()
  let headsAsked = 0
  let ledgerAnswers = Promise.resolve()
  const polls = createPolls({
    pool: {
      query: async ({ name }: { name: string }) => {
        if (name === 'what else happened since') return { rows: [{}] }
        if (name !== 'receipts that a device missed') return { rows: [] }
        pagesRead++
        await reading
        return { rows: [RECEIPT] }
      },
    },
    contentKeys: { find: async () => ({ of: () => undefined }) },
    ledger: {
      head: async () => {
        // The first asks where it stands, the second whether there is more.
        if (++headsAsked === 2) await ledgerAnswers
        return 9n
      },
    },
    waiter: { waitFor: async () => true },
    positions: { keepAnswered: async () => {}, start: async () => ({ kept: 0n, knownFrom: 0n }) },
    admission: {
      checkRoom: () => {},
      admit: async (session: Session) => {
        sessions.push(session)
        return { kept: 0n, knownFrom: 0n, claim: 1n }
      },
      claimAnew: async () => {
        claimedAnew++
      },
      dismiss: (session: Session) => void dismissed.push(session),
    },
    expiry: { expect: () => {} },
    turns,
    dispatchDeps: {},
    databaseAnswers: async () => false,
  } as unknown as PollsDeps)
  const identity = { sub: 'ann', exp: 9e9, roles: [] } as never
  const deviceId = 'phone' as DeviceId
  return {
    polls,
    sessions,
    dismissed,
    read: () => pagesRead,
    claimedAnew: () => claimedAnew,
    poll: (after = 0n, signal = new AbortController().signal, waitMs = 0) =>
      polls.poll(identity, { deviceId, after: after as Position, waitMs, signal }),
    /** The only turn is somebody else's, until it is given back. */
    takeTurn: () => {
      let giveBack = () => {}
      void turns(() => new Promise<void>((resolve) => (giveBack = resolve)))
      return () => giveBack()
    },
    holdLedger: () => {
      let answer = () => {}
      ledgerAnswers = new Promise((resolve) => {
        answer = resolve
      })
      return { times: () => headsAsked, let: () => answer() }
    },
    holdDatabase: () => {
      reading = new Promise((resolve) => {
        letRead = resolve
      })
      return () => letRead()
    },
  }
}

test('each poll but the first of a session says anew that the device is here', async () => {
  const { polls, poll, claimedAnew } = begin()
  await poll()
  expect(claimedAnew()).toBe(0)
  await poll()
  await poll()
  expect(claimedAnew()).toBe(2)
  polls.close()
})

test('of a device that polls again while its polls wait for their turn, only the last is read for', async () => {
  const { polls, poll, read, takeTurn } = begin()
  const giveBack = takeTurn()
  const polling = []
  for (let n = 0; n < 20; n++) {
    polling.push(poll())
    // It stands in the line before the next comes.
    await turnOfTheLoop()
  }
  const [newest, ...older] = polling.toReversed()
  giveBack()
  for (const one of older) await expect(one).rejects.toMatchObject({ code: 'conflict' })
  expect((await newest)?.frames).toHaveLength(2)
  expect(read()).toBe(1)
  polls.close()
})

test('for a poll whose client is gone while it waits for its turn, nothing is read', async () => {
  const { polls, poll, read, takeTurn } = begin()
  const giveBack = takeTurn()
  const gone = new AbortController()
  const polling = poll(0n, gone.signal)
  await turnOfTheLoop()
  gone.abort()
  giveBack()
  await expect(polling).rejects.toMatchObject({ code: 'conflict' })
  expect(read()).toBe(0)
  polls.close()
})

test('a poll that another has replaced while it was read for leaves what is in no ledger to that one', async () => {
  const { polls, poll, sessions, read, holdDatabase } = begin()
  const letRead = holdDatabase()
  const older = poll()
  await expect.poll(read).toBe(1)
  const typing = '{"t":"typing"}'
  sessions[0]?.send(typing)
  const newer = poll()
  letRead()
  await expect(older).rejects.toMatchObject({ code: 'conflict' })
  expect((await newer).frames).toContain(typing)
  polls.close()
})

test('a poll that another has replaced while it asked the ledger leaves it likewise', async () => {
  const { polls, poll, sessions, holdLedger } = begin()
  const asked = holdLedger()
  const older = poll(9n)
  await expect.poll(asked.times).toBe(2)
  const typing = '{"t":"typing"}'
  sessions[0]?.send(typing)
  const newer = poll(9n)
  asked.let()
  await expect(older).rejects.toMatchObject({ code: 'conflict' })
  expect((await newer).frames).toEqual([typing])
  polls.close()
})

test('a poll that waits for its turn when its node stops is answered that there is more, from where it stands', async () => {
  const { polls, poll, read, takeTurn } = begin()
  const giveBack = takeTurn()
  const polling = poll()
  await turnOfTheLoop()
  const disconnected = polls.disconnect()
  giveBack()
  expect(await polling).toEqual({ frames: [], position: 0n, more: true })
  expect(read()).toBe(0)
  await disconnected
  polls.close()
})

test('a poll that comes while its node stops is answered, and its device is gone with the node', async () => {
  const { polls, poll, sessions, dismissed } = begin()
  await polls.disconnect()
  expect((await poll(9n, undefined, 60_000)).frames).toEqual([])
  expect(sessions).toHaveLength(1)
  polls.close()
  expect(dismissed).toEqual(sessions)
})

test('a poll is told while the database says nothing, however long it would have waited, and leaves what is in no ledger to the next', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { polls, poll, sessions, holdLedger } = begin()
  const asked = holdLedger()
  const polling = expect(poll(9n, undefined, 60_000)).rejects.toMatchObject({ code: 'unavailable' })
  await vi.advanceTimersByTimeAsync(8_000)
  await polling
  const typing = '{"t":"typing"}'
  sessions[0]?.send(typing)
  asked.let()
  await vi.advanceTimersByTimeAsync(0)
  expect((await poll(9n)).frames).toEqual([typing])
  polls.close()
})

test('a poll that waits until something happens waits for no database', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { polls, poll } = begin()
  const polling = poll(9n, undefined, 60_000)
  await vi.advanceTimersByTimeAsync(60_000)
  expect((await polling).frames).toEqual([])
  polls.close()
})

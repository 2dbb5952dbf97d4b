import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { type Delivery, MAX_BACKLOG_BYTES } from '../../../api/gateway/session.ts'
import { SocketSession } from '../../../api/gateway/socket-session.ts'
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../../domain/ids.ts'
import type { Position, Revision } from '../../../ledger/ledger.ts'

const CONVERSATION = 'c' as ConversationId
const seq = (value: number) => value as Seq
const position = (value: number) => BigInt(value) as Position

interface Given {
  readonly session: SocketSession
  /** What the socket was given, flattened. */
  sent(): string[]
  readonly behind: { times: number }
  readonly gaps: { times: number }
  readonly resyncs: { times: number }
  readonly reader: { backlog: number }
}

/** A session that is live at position 100. */
function live(): Given {
  const given = arriving()
  given.session.startCatchingUp()
  given.session.settle(position(100), '"live"')
  return given
}

/** A session that is in the hub, and not welcomed yet. */
function arriving(): Given {
  const frames: string[] = []
  const reader = { backlog: 0 }
  const behind = { times: 0 }
  const gaps = { times: 0 }
  const resyncs = { times: 0 }
  const socket = {
    OPEN: 1,
    readyState: 1,
    get bufferedAmount() {
      return reader.backlog
    },
    send: (frame: Buffer) => frames.push(String(frame)),
    close: () => {},
    resume: () => {},
  }
  const session = new SocketSession({
    socket: socket as unknown as WebSocket,
    userId: 'u' as UserId,
    deviceId: 'phone' as DeviceId,
    expiresAt: 0,
    events: {
      scheduleFlush: () => {},
      onBehind: () => behind.times++,
      onGap: () => gaps.times++,
      onResync: () => resyncs.times++,
      onNudge: () => {},
    },
  })
  return {
    session,
    behind,
    gaps,
    resyncs,
    reader,
    sent: () => {
      session.flush()
      return frames.flatMap((frame) => (frame.startsWith('[') ? JSON.parse(frame) : [JSON.parse(frame)]))
    },
  }
}

const message = (number: number, previous: number): Delivery => ({
  json: JSON.stringify(number),
  place: {
    conversationId: CONVERSATION,
    seqBefore: seq(number - 1),
    seq: seq(number),
    previousPosition: position(previous),
  },
})

test('a temporary body that waited until it was due is not sent, only what is left of its message', () => {
  const { session, sent, behind } = live()
  const now = Date.now()
  const frame = { t: 'message', seq: 1, body: { kind: 'text', text: 'gone' } }
  session.startCatchingUp()
  session.deliver({ ...message(1, 90), json: JSON.stringify(frame), goneAt: (now - 1) as Millis })
  session.deliver({ ...message(2, 110), goneAt: (now + 60_000) as Millis })
  session.settle(position(120), '"live again"')
  expect(sent()).toEqual(['live', 'live again', { t: 'message', seq: 1, gone: 'expired' }, 2])
  expect(behind.times).toBe(0)
})

describe('a live session', () => {
  test('sends what follows on what it was sent', () => {
    const { session, sent, behind } = live()
    session.deliver(message(7, 90))
    session.deliver(message(8, 120))
    expect(sent()).toEqual(['live', 7, 8])
    expect(behind.times).toBe(0)
  })

  test('holds the first of a conversation when something after it went live has not come yet', () => {
    const { session, sent, gaps, behind } = live()
    session.deliver(message(7, 110))
    expect(sent()).toEqual(['live'])
    expect(session.isMissing(CONVERSATION)).toBe(true)
    session.deliver(message(6, 90))
    expect(sent()).toEqual(['live', 6, 7])
    expect([gaps.times, behind.times]).toEqual([1, 0])
  })

  test('holds frames that overtook another until it comes, in order, and says so once', () => {
    const { session, sent, gaps, behind } = live()
    session.deliver(message(7, 90))
    session.deliver(message(10, 140))
    session.deliver(message(9, 130))
    expect(sent()).toEqual(['live', 7])
    session.deliver(message(8, 120))
    session.deliver(message(11, 150))
    expect(sent()).toEqual(['live', 7, 8, 9, 10, 11])
    expect(session.isMissing(CONVERSATION)).toBe(false)
    expect([gaps.times, behind.times]).toEqual([1, 0])
  })

  test('goes on with other conversations while one waits for a missing frame', () => {
    const { session, sent } = live()
    session.deliver(message(7, 110))
    const elsewhere = { ...message(3, 90), json: '"elsewhere"' }
    const place = { ...elsewhere.place, conversationId: 'other' } as Delivery['place'] & object
    session.deliver({ ...elsewhere, place })
    expect(sent()).toEqual(['live', 'elsewhere'])
  })

  test('holds no more than a few hundred frames, then catches up', () => {
    const { session, sent, gaps, behind } = live()
    for (let number = 9; number <= 600; number++) session.deliver(message(number, 130))
    expect(sent()).toEqual(['live'])
    expect(session.mode).toBe('behind')
    expect([gaps.times, behind.times]).toEqual([1, 1])
  })

  test('leaves out what it was sent before, as when two nodes tell of the same', () => {
    const { session, sent } = live()
    session.deliver(message(7, 90))
    session.deliver(message(8, 120))
    session.deliver(message(7, 90))
    session.deliver(message(8, 120))
    expect(sent()).toEqual(['live', 7, 8])
  })

  test('is not sent its own device’s messages, and misses nothing by that', () => {
    const { session, sent, behind } = live()
    session.deliver({ ...message(7, 90), exceptDevice: 'phone' as DeviceId })
    session.deliver(message(8, 120))
    session.deliver({ ...message(9, 130), exceptDevice: 'laptop' as DeviceId })
    expect(sent()).toEqual(['live', 8, 9])
    expect(behind.times).toBe(0)
  })

  test('begins a conversation that it is added to wherever that stands', () => {
    const { session, sent, behind } = live()
    const place = {
      conversationId: CONVERSATION,
      seqBefore: seq(40),
      previousPosition: position(500),
      begins: true,
    }
    session.deliver({ json: '"conversation"', place })
    session.deliver(message(41, 510))
    expect(sent()).toEqual(['live', 'conversation', 41])
    expect(behind.times).toBe(0)
  })

  test('stops pushing to a reader that is too slow, and remembers what it was really sent', () => {
    const { session, sent, behind, reader } = live()
    session.deliver(message(7, 90))
    reader.backlog = MAX_BACKLOG_BYTES + 1
    session.deliver(message(8, 120))
    expect(behind.times).toBe(1)
    expect(session.sentUpTo(CONVERSATION)).toBe(7)
    expect(sent()).toEqual(['live', 7])
  })
})

describe('a session that catches up', () => {
  test('sends what happened meanwhile afterwards, once and in order', () => {
    const { session, sent, behind } = live()
    session.startCatchingUp()
    session.deliver(message(7, 110))
    session.deliver(message(8, 120))
    session.send('"missed 7"')
    session.markSent(CONVERSATION, seq(7))
    expect(session.settle(position(115), '"live again"')).toBe(true)
    expect(sent()).toEqual(['live', 'missed 7', 'live again', 8])
    expect(behind.times).toBe(0)
  })

  test('tells once of what is no message, whether the read models had it by then or not, and whenever its push comes', () => {
    const { session, sent } = live()
    const fact = (revision: number, at: number): Delivery => ({
      json: `"fact ${revision}"`,
      place: {
        conversationId: CONVERSATION,
        seqBefore: seq(6),
        revision: revision as Revision,
        position: position(at),
        previousPosition: position(at - 1),
      },
    })
    session.startCatchingUp()
    session.deliver(fact(1, 111))
    session.send('"missed fact 1"')
    session.send('"missed fact 2"')
    session.deliver(fact(3, 113))
    session.settle(position(112), '"live again"')
    session.deliver(fact(2, 112))
    session.deliver(message(7, 113))
    expect(sent()).toEqual(['live', 'missed fact 1', 'missed fact 2', 'live again', 'fact 3', 7])
  })

  test('sends no receipt that it was sent while it caught up', () => {
    const { session, sent } = live()
    session.startCatchingUp()
    session.deliver({ json: '"receipt 1"' })
    session.deliver({ json: '"receipt 2"' })
    session.send('"receipt 1"')
    session.settle(position(110), '"live again"', new Set(['"receipt 1"']))
    expect(sent()).toEqual(['live', 'receipt 1', 'live again', 'receipt 2'])
  })

  test('goes on in a conversation that it was told had begun again, though it had left it long before', () => {
    const { session, sent, gaps } = live()
    session.deliver(message(7, 90))
    session.startCatchingUp()
    session.deliver({
      json: '"begun again"',
      place: {
        conversationId: CONVERSATION,
        seqBefore: seq(40),
        position: position(110),
        previousPosition: position(109),
        begins: true,
      },
    })
    session.settle(position(110), '"live again"')
    session.deliver(message(41, 110))
    expect(sent()).toEqual(['live', 7, 'live again', 41])
    expect(gaps.times).toBe(0)
  })

  test('sends no message twice when the conversation began meanwhile', () => {
    const { session, sent, behind } = live()
    session.startCatchingUp()
    const place = {
      conversationId: CONVERSATION,
      seqBefore: seq(0),
      previousPosition: position(110),
      begins: true,
    }
    session.deliver({ json: '"conversation"', place })
    session.deliver(message(1, 111))
    session.deliver(message(2, 112))
    session.send('"missed 1"')
    session.markSent(CONVERSATION, seq(1))
    session.settle(position(111), '"live again"')
    expect(sent()).toEqual(['live', 'missed 1', 'live again', 'conversation', 2])
    expect(behind.times).toBe(0)
  })

  test('catches up once more when more happens meanwhile than may wait', () => {
    const { session, behind } = live()
    session.startCatchingUp()
    for (let number = 1; number <= 2001; number++) session.deliver(message(number, 110))
    expect(behind.times).toBe(1)
    expect(session.settle(position(115), '"live again"')).toBe(false)
  })
})

test('frames of one turn leave as arrays of at most 64 KiB and 1,000 frames', () => {
  const { session, sent } = live()
  const frames: string[] = []
  const socket = session.socket as unknown as { send: (frame: string) => void }
  socket.send = (frame) => frames.push(frame)
  for (let i = 0; i < 2500; i++) session.send(JSON.stringify('x'.repeat(50)))
  expect(sent()).toEqual([])
  expect(frames.every((frame) => Buffer.byteLength(frame) <= 64 * 1024)).toBe(true)
  expect(frames.every((frame) => JSON.parse(frame).length <= 1000)).toBe(true)
  expect(frames.flatMap((frame) => JSON.parse(frame))).toHaveLength(2501)
})

describe('a session that arrives', () => {
  test('is sent nothing, and looks for nothing that it may have missed: all that is still to be read', () => {
    const { session, sent, resyncs, behind } = arriving()
    session.deliver(message(1, 0))
    session.resync()
    session.nudge()
    expect([sent(), resyncs.times]).toEqual([[], 0])
    // More than it holds is left to what is read.
    for (let number = 2; number <= 2_500; number++) session.deliver(message(number, number - 1))
    expect([session.mode, behind.times]).toEqual(['arriving', 0])
    session.startCatchingUp()
    session.markSent(CONVERSATION, seq(2_499))
    session.settle(position(2_499), '"live"')
    session.resync()
    expect([sent(), resyncs.times]).toEqual([['live', 2_500], 1])
  })

  test('is there until it is closed, also while its client has not said good-bye', () => {
    const { session } = arriving()
    expect(session.isThere).toBe(true)
    session.close(1001, 'going away')
    expect(session.isThere).toBe(false)
  })
})

test('a session that held what overtook another says so when it catches up, for that may be later than what is read', () => {
  const { session, sent } = live()
  expect(session.startCatchingUp()).toBe(false)
  session.settle(position(110), '"live again"')
  session.deliver(message(7, 109))
  session.deliver(message(9, 112))
  expect(session.isMissing(CONVERSATION)).toBe(true)
  expect(session.startCatchingUp()).toBe(true)
  expect(session.startCatchingUp()).toBe(false)
  expect(sent()).toEqual(['live', 'live again', 7])
})

import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../../api/gateway/session.ts'
import type { Millis } from '../../../domain/ids.ts'
import type { Revision } from '../../../ledger/ledger.ts'
import { arriving, beginning, CONVERSATION, live, message, position, seq } from './session-kit.ts'

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
    session.deliver(beginning(40, 109, 110))
    session.settle(position(110), '"live again"')
    session.deliver(message(41, 110))
    expect(sent()).toEqual(['live', 7, 'live again', 41])
    expect(gaps.times).toBe(0)
  })

  test('sends no message twice when the conversation began meanwhile', () => {
    const { session, sent, behind } = live()
    session.startCatchingUp()
    session.deliver(beginning(0, 110, 112))
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

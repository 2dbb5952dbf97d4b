import { describe, expect, test } from 'vitest'
import { type Delivery, MAX_BACKLOG_BYTES } from '../../../api/gateway/session.ts'
import type { DeviceId } from '../../../domain/ids.ts'
import { beginning, CONVERSATION, live, message } from './session-kit.ts'

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
    session.deliver(beginning(40, 500, 501))
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

/** What comes of frames that are refused, without a server. */
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createDispatch, type DispatchDeps } from '../../../api/gateway/dispatch.ts'
import { createFrameLimits, type FrameLimits } from '../../../api/gateway/frame-limits.ts'
import { MAX_BACKLOG_BYTES, type Session } from '../../../api/gateway/session.ts'
import { createRateLimits, frameSource } from '../../../api/rate-limits/rate-limits.ts'
import { EXAMPLE_WORLD } from '../../../api/reference/world.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import { TooManyReads } from '../../../ledger/mailbox/stream-reads.ts'
import { clientFrame } from '../../../protocol/client-frames.ts'
import { isRef, ref } from '../../../protocol/fields.ts'
import { LIMITS } from '../../../protocol/limits.ts'

interface Device {
  readonly session: Session
  readonly errors: { readonly ref?: string | number; readonly code: string }[]
  readonly closedWith: number[]
}

function device(): Device {
  const errors: Device['errors'] = []
  const closedWith: number[] = []
  const session = {
    expiresAt: Number.POSITIVE_INFINITY,
    backlog: 0,
    get mode() {
      return closedWith.length > 0 ? 'closed' : 'live'
    },
    send: (json: string) => errors.push(JSON.parse(json)),
    close: (code: number) => closedWith.push(code),
  }
  return { session: session as unknown as Session, errors, closedWith }
}

function unlimited(): FrameLimits {
  const shared = createRateLimits({ rateDevice: 0, ratePerson: 0, rateAddress: 0, rateConnections: 0 })
  const source = frameSource('ann' as UserId, 'phone' as DeviceId, undefined)
  return createFrameLimits(0, shared, source)
}

/** With nothing left in the bucket. */
const spent = (): FrameLimits => ({ ...unlimited(), take: () => 1 })

const { received } = createDispatch({ onFrame: () => {} } as unknown as DispatchDeps)

test('what comes as a binary frame is told so', () => {
  const { session, errors } = device()
  received(session, unlimited(), undefined)
  expect(errors).toEqual([
    expect.objectContaining({ code: 'bad_frame', message: expect.stringMatching(/binary/) }),
  ])
})

test('an array without a frame is answered, like everything that is no frame', () => {
  const { session, errors } = device()
  received(session, unlimited(), '[]')
  expect(errors).toEqual([expect.objectContaining({ code: 'bad_frame', message: 'no frame in the array' })])
})

test('of an array, every frame that is refused is told so, and what is no frame once', () => {
  const { session, errors } = device()
  const noFrames = [0, null, 'x', [], {}, { ref: {} }, { ref: 'x'.repeat(65) }, { t: 'constructor' }]
  const frames = [{ t: 'ping' }, { t: 'send', ref: 'one' }, { ref: 2 }, { t: 'typing', ref: '' }]
  const limits = spent()
  received(session, limits, JSON.stringify([...noFrames, ...frames, ...noFrames]))
  expect(errors.every(({ code }) => code === 'rate_limited')).toBe(true)
  expect(errors.map(({ ref }) => ref)).toEqual([undefined, undefined, 'one', 2, ''])
  // Alone, each is told.
  for (let n = 0; n < 3; n++) received(session, limits, '0')
  expect(errors).toHaveLength(8)
})

test('a socket that goes on however often it is told to wait is closed with 4400', () => {
  const { session, errors, closedWith } = device()
  const limits = spent()
  const array = JSON.stringify(Array.from({ length: LIMITS.framesPerArray }, () => 0))
  const arrays = LIMITS.limitedFramesPerMinute / LIMITS.framesPerArray
  for (let n = 1; n < arrays; n++) received(session, limits, array)
  expect(closedWith).toEqual([])
  for (let n = 0; n < 3; n++) received(session, limits, array)
  expect(closedWith).toEqual([4400])
  expect(errors).toHaveLength(arrays)
})

test('a clock that is set back keeps no frame waiting, and begins no new minute', () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const shared = createRateLimits({ rateDevice: 10, ratePerson: 10, rateAddress: 10, rateConnections: 0 })
  const source = frameSource('ann' as UserId, 'phone' as DeviceId, '203.0.113.7')
  const limits = createFrameLimits(10, shared, source)
  const { session, errors, closedWith } = device()
  const bad = () => received(session, limits, 'not JSON')
  bad()
  vi.setSystemTime(Date.now() - 3_600_000)
  received(session, limits, '{"t":"odd"}')
  expect(errors.map(({ code }) => code)).toEqual(['bad_frame', 'bad_frame'])
  vi.setSystemTime(Date.now() + 7_200_000)
  for (let n = 1; n < LIMITS.badFramesPerMinute; n++) bad()
  expect(closedWith).toEqual([4400])
})

test('a socket that leaves its answers unread is closed with 4408 before it is answered more', () => {
  const { session, errors, closedWith } = device()
  const unread = (bytes: number) => Object.assign(session, { backlog: bytes })
  unread(2 * MAX_BACKLOG_BYTES)
  received(session, spent(), '0')
  expect([errors.length, closedWith]).toEqual([1, []])
  unread(2 * MAX_BACKLOG_BYTES + 1)
  for (let n = 0; n < 2; n++) received(session, spent(), '0')
  expect([errors.length, closedWith]).toEqual([1, [4408]])
})

test('a list that is too long is refused as such, in one issue, and is no bad frame', () => {
  const { session, errors, closedWith } = device()
  const watch = { t: 'watch', ref: 1, userIds: Array.from({ length: 20_000 }, () => 0) }
  expect(clientFrame.safeParse(watch).error?.issues).toHaveLength(1)
  const limits = unlimited()
  for (let n = 0; n < LIMITS.badFramesPerMinute; n++) received(session, limits, JSON.stringify(watch))
  expect(closedWith).toEqual([])
  expect(errors.at(-1)).toMatchObject({
    ref: 1,
    code: 'too_large',
    message: 'at most 500 people are watched',
  })
})

test('what would have to be loaded where too much waits to be is answered "overloaded", with the time to come back', async () => {
  const { session, errors } = device()
  const reported: unknown[] = []
  const { frames } = createDispatch({
    handler: {
      converse: async () => ({ kind: 'overloaded' }),
      deliver: async () => ({ kind: 'overloaded' }),
    },
    typing: {
      typed: async () => {
        throw new TooManyReads('too many')
      },
    },
    load: { allows: () => true, retryAfterMs: () => 1_500 },
    heldReceipts: { turn: () => undefined },
    presence: { did: () => {}, beforeReading: () => undefined },
    onFrame: () => {},
    report: (error: unknown) => reported.push(error),
  } as unknown as DispatchDeps)
  const conversationId = '0190a1b2-0000-7000-8000-000000000000'
  const asked = [
    { t: 'delete', ref: 0, conversationId, messageId: '0'.repeat(64) },
    { t: 'delivered', ref: 1, conversationId, upTo: 1 },
    { t: 'typing', ref: 2, conversationId },
  ]
  await frames(session, unlimited(), asked)
  const overloaded = { code: 'overloaded', retryable: true, retryAfterMs: 1_500 }
  expect(errors).toMatchObject(asked.map(({ ref }) => ({ ref, ...overloaded })))
  expect(reported).toEqual([])
})

test('a ref is told from what is none as the schema of frames tells it', () => {
  const long = fc.string({
    minLength: 60,
    maxLength: 70,
    unit: fc.constantFrom('x', '😀', '\ud800', '\udc00'),
  })
  const other = fc.constantFrom(undefined, null, true, {}, [], [1], ['x'])
  fc.assert(
    fc.property(fc.oneof(fc.double(), long, other), (value) => {
      expect(isRef(value)).toBe(ref.safeParse(value).success)
    }),
    { examples: [[Number.NaN], [Number.POSITIVE_INFINITY], [-0], ['x'.repeat(64)], [1n]] },
  )
})

test('a send whose outcome is not known in time is answered once, and is under way until it has ended', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let end = (_answered: object) => {}
  const work = new Promise((resolve) => (end = resolve))
  let underWay = 0
  const dispatch = createDispatch({
    handler: { converse: () => work },
    load: {
      allows: () => true,
      began: () => {
        underWay++
        return () => underWay--
      },
    },
    presence: { did: () => {} },
    onFrame: () => {},
    report: () => {},
  } as unknown as DispatchDeps)
  const { alice, deviceId, group, draft } = EXAMPLE_WORLD
  const { session, errors } = device()
  Object.assign(session, { userId: alice, deviceId })
  const frame = { t: 'send', ref: 1, conversationId: group, ...draft }
  dispatch.received(session, unlimited(), JSON.stringify(frame))
  await vi.advanceTimersByTimeAsync(7_900)
  expect(errors).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(errors).toEqual([
    expect.objectContaining({ t: 'error', ref: 1, code: 'unavailable', retryable: true }),
  ])
  expect(underWay).toBe(1)
  end({ kind: 'done', result: { seq: 1, at: 1 } })
  await vi.advanceTimersByTimeAsync(0)
  expect(errors).toHaveLength(1)
  expect(underWay).toBe(0)
})

const { group, message } = EXAMPLE_WORLD

test.each([
  { t: 'delete', conversationId: group, messageId: message.messageId },
  { t: 'delivered', conversationId: group, upTo: 1 },
  { t: 'read', conversationId: group, upTo: 1 },
])('a $t with a ref is answered in time, whatever does not answer underneath', async (frame) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const never = () => new Promise(() => {})
  const reported: unknown[] = []
  const dispatch = createDispatch({
    handler: { converse: never, deliver: never },
    presence: { did: () => {}, beforeReading: never },
    heldReceipts: { turn: () => undefined },
    onFrame: () => {},
    report: (error: unknown) => reported.push(error),
  } as unknown as DispatchDeps)
  const { session, errors } = device()
  Object.assign(session, { userId: EXAMPLE_WORLD.alice, deviceId: EXAMPLE_WORLD.deviceId })
  dispatch.received(session, unlimited(), JSON.stringify({ ...frame, ref: 1 }))
  await vi.advanceTimersByTimeAsync(8_100)
  expect(errors).toEqual([expect.objectContaining({ ref: 1, code: 'unavailable' })])
  expect(reported).toHaveLength(1)
})

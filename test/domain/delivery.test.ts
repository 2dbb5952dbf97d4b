import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DeliveryCommand } from '../../domain/delivery/commands.ts'
import { MOST_DEVICES, watermarksOf } from '../../domain/delivery/state.ts'
import type { DeviceId, Seq } from '../../domain/ids.ts'
import {
  ALICE,
  acknowledge,
  apply,
  at,
  attempt,
  BOB,
  CARL,
  given,
  LAPTOP,
  PHONE,
  send,
  startDirect,
  startGroup,
  thenRejected,
  type World,
  when,
} from './kit.ts'

const chat = (...more: DeliveryCommand[]) =>
  given(startDirect(ALICE, BOB), send(ALICE, 'a'), send(ALICE, 'b'), send(ALICE, 'c'), ...more)

/** Whatever is not refused; answers the facts. */
function carryOut(world: World, command: DeliveryCommand) {
  const decision = when(world, command)
  const events = decision.kind === 'accepted' ? decision.events : []
  for (const event of events) apply(world, event)
  return events
}

describe('receipts', () => {
  test('one receipt covers every message since the last one', () => {
    expect(when(chat(), acknowledge('delivered', BOB, 3))).toMatchObject({
      kind: 'accepted',
      events: [{ type: 'MessageDelivered', userId: BOB, deviceId: PHONE, fromSeq: 1, toSeq: 3 }],
    })
  })

  test('by a clock that is behind it is answered with the time of the message, and recorded as it was said', () => {
    const world = given(startDirect(ALICE, BOB), send(ALICE, 'a', { at: at(107) }))
    const decision = when(world, acknowledge('read', BOB, 1))
    expect(decision).toMatchObject({
      kind: 'accepted',
      events: [{ at: 20 }, { at: 20 }],
      result: { upTo: 1, at: 107 },
    })
    for (const event of decision.kind === 'accepted' ? decision.events : []) apply(world, event)
    expect(when(world, acknowledge('read', BOB, 1))).toMatchObject({
      kind: 'already-done',
      result: { upTo: 1, at: 107 },
    })
  })

  test('reading implies delivered', () => {
    expect(when(chat(acknowledge('delivered', BOB, 1)), acknowledge('read', BOB, 2))).toMatchObject({
      events: [
        { type: 'MessageDelivered', fromSeq: 2, toSeq: 2 },
        { type: 'MessageRead', fromSeq: 1, toSeq: 2 },
      ],
    })
  })

  test('the same acknowledgement again changes nothing', () => {
    const world = chat(acknowledge('delivered', BOB, 2))
    expect(when(world, acknowledge('delivered', BOB, 2))).toMatchObject({
      kind: 'already-done',
      result: { upTo: 2 },
    })
  })

  test('nobody acknowledges what was not sent', () => {
    thenRejected(when(chat(), acknowledge('delivered', BOB, 4)), 'conflict')
  })

  test('watermarks never go back', () => {
    thenRejected(when(chat(acknowledge('delivered', BOB, 2)), acknowledge('delivered', BOB, 1)), 'conflict')
    thenRejected(when(chat(acknowledge('read', BOB, 2)), acknowledge('read', BOB, 1)), 'conflict')
  })

  test('each device has a watermark of its own', () => {
    const world = chat(acknowledge('delivered', BOB, 3))
    expect(when(world, acknowledge('delivered', BOB, 2, LAPTOP))).toMatchObject({
      events: [{ deviceId: LAPTOP, fromSeq: 1, toSeq: 2 }],
    })
    expect(watermarksOf(world.delivery, BOB).delivered).toBe(3)
  })

  test('of a person’s devices those that have most are remembered, and what another had is no fact again', () => {
    const world = chat(acknowledge('delivered', BOB, 2, LAPTOP))
    const from = (number: number) => acknowledge('delivered', BOB, 3, `device ${number}` as DeviceId)
    for (let number = 1; number <= MOST_DEVICES; number++) carryOut(world, from(number))
    const { devices, forgotten } = watermarksOf(world.delivery, BOB)
    expect([devices.size, devices.has(LAPTOP), forgotten]).toEqual([MOST_DEVICES, false, 2])
    expect(when(world, acknowledge('delivered', BOB, 2, LAPTOP))).toEqual({
      kind: 'already-done',
      result: { upTo: 2, at: world.delivery.lastAt },
    })
    expect(when(world, acknowledge('delivered', BOB, 3, LAPTOP))).toMatchObject({
      events: [{ deviceId: LAPTOP, fromSeq: 3, toSeq: 3 }],
    })
  })

  test('strangers acknowledge nothing', () => {
    thenRejected(when(chat(), acknowledge('delivered', CARL, 1)), 'not_member')
    thenRejected(when(given(), acknowledge('delivered', ALICE, 1)), 'not_found')
  })

  test('who joined later acknowledges from then on', () => {
    const add = { type: 'add-members', at: at(2), by: ALICE, userIds: [CARL] } as const
    const world = given(startGroup(ALICE, BOB), send(ALICE, 'a'), add, send(ALICE, 'b'))
    expect(when(world, acknowledge('delivered', CARL, 2))).toMatchObject({
      events: [{ fromSeq: 2, toSeq: 2 }],
    })
  })
})

describe('attempts', () => {
  test('are counted until the person acknowledges', () => {
    const world = chat(attempt(BOB, 1, 3), attempt(BOB, 1, 3))
    expect(when(world, attempt(BOB, 1, 3))).toMatchObject({ events: [{ attempt: 3, fromSeq: 1, toSeq: 3 }] })
    const later = chat(attempt(BOB, 1, 3), attempt(BOB, 1, 3), acknowledge('delivered', BOB, 2))
    expect(when(later, attempt(BOB, 3, 3))).toMatchObject({
      events: [{ attempt: 1 }],
      result: { attempt: 1, pending: { fromSeq: 3, toSeq: 3 } },
    })
  })

  test('that were acknowledged before they were recorded are facts too, and count for nothing new', () => {
    const world = chat(acknowledge('delivered', BOB, 3), attempt(BOB, 1, 3))
    expect(when(world, attempt(BOB, 1, 3))).toMatchObject({ kind: 'accepted', result: { attempt: 1 } })
    expect(when(world, attempt(BOB, 1, 3))).not.toHaveProperty('result.pending')
  })

  test('wait for nobody’s own messages, and are not made for people who left', () => {
    expect(when(chat(), attempt(ALICE, 1, 3))).not.toHaveProperty('result.pending')
    thenRejected(when(chat(), attempt(CARL, 1, 3)), 'not_member')
  })

  test('giving up is recorded with what is still missing of what was tried', () => {
    const giveUp = { type: 'record-exhausted', at: at(40), userId: BOB, toSeq: 3 as Seq } as const
    expect(when(chat(attempt(BOB, 1, 3)), giveUp)).toMatchObject({
      events: [{ type: 'DeliveryExhausted', fromSeq: 1, toSeq: 3, attempts: 1 }],
    })
    const sends = ['a', 'b', 'c', 'new'].map((text) => send(ALICE, text))
    const longer = (...more: DeliveryCommand[]) => given(startDirect(ALICE, BOB), ...sends, ...more)
    expect(when(longer(), giveUp)).toMatchObject({ events: [{ fromSeq: 1, toSeq: 3 }] })
    for (const world of [chat, longer].map((one) => one(acknowledge('delivered', BOB, 3)))) {
      expect(when(world, giveUp)).toMatchObject({ result: { recorded: false } })
    }
  })
})

test('however many devices a person has, the ranges of each follow one another, and few are remembered', () => {
  const acknowledgement = fc.record({
    kind: fc.constantFrom('delivered' as const, 'delivered' as const, 'read' as const),
    upTo: fc.integer({ min: 1, max: 20 }),
    device: fc.integer({ min: 1, max: 2 * MOST_DEVICES }),
  })
  const sends = Array.from({ length: 20 }, (_, number) => send(ALICE, `message ${number}`))
  fc.assert(
    fc.property(fc.array(acknowledgement, { minLength: 200, maxLength: 400 }), (acknowledgements) => {
      const world = given(startDirect(ALICE, BOB), ...sends)
      const ends = new Map<DeviceId, number>()
      for (const { kind, upTo, device } of acknowledgements) {
        for (const event of carryOut(world, acknowledge(kind, BOB, upTo, `device ${device}` as DeviceId))) {
          if (event.type !== 'MessageDelivered') continue
          expect(event.fromSeq).toBeGreaterThan(ends.get(event.deviceId) ?? 0)
          expect(event.toSeq).toBeGreaterThanOrEqual(event.fromSeq)
          ends.set(event.deviceId, event.toSeq)
        }
        const { devices, delivered, read } = watermarksOf(world.delivery, BOB)
        expect(devices.size).toBeLessThanOrEqual(MOST_DEVICES)
        expect(read <= delivered && delivered === Math.max(0, ...devices.values())).toBe(true)
      }
    }),
    { numRuns: 10 },
  )
})

test('in any order of acknowledgements 0 ≤ read ≤ delivered ≤ lastSeq, and the ranges of a device join without gap', () => {
  const acknowledgement = fc.record({
    kind: fc.constantFrom('delivered' as const, 'read' as const),
    upTo: fc.integer({ min: 1, max: 5 }),
    device: fc.constantFrom(PHONE, LAPTOP),
  })
  fc.assert(
    fc.property(fc.array(acknowledgement), (acknowledgements) => {
      const world = chat()
      const ends = new Map<string, number>()
      for (const { kind, upTo, device } of acknowledgements) {
        const decision = when(world, acknowledge(kind, BOB, upTo, device))
        if (decision.kind !== 'accepted') continue
        for (const event of decision.events) {
          apply(world, event as never)
          const { type, deviceId, fromSeq, toSeq } = event as never as Record<string, never>
          const range = type === 'MessageRead' ? type : `${type} ${deviceId}`
          expect(fromSeq).toBe((ends.get(range) ?? 0) + 1)
          ends.set(range, toSeq as never)
        }
        const { read, delivered } = watermarksOf(world.delivery, BOB)
        expect(0 <= read && read <= delivered && delivered <= 3).toBe(true)
      }
    }),
  )
})

/** Receipts that wait together are merged; that refuses nobody, and moves no watermark elsewhere. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { acknowledgeCommand } from '../../api/messages/commands.ts'
import {
  evolveDelivery,
  initialDelivery,
  type Watermarks,
  watermarksOf,
} from '../../domain/delivery/state.ts'
import type { DeliveryEvent } from '../../domain/events.ts'
import type { ConversationId, DeviceId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { decode } from '../../ledger/codec/decode.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import { deliveryStream } from '../../ledger/streams.ts'
import {
  ALICE,
  acknowledge,
  BOB,
  envelope,
  newId,
  node,
  PHONE,
  send,
  start,
  streamOf,
  useLedger,
} from './command-kit.ts'

useLedger()

const MESSAGES = 9
const TABLET = 'tablet' as DeviceId
const acknowledgement = fc.record({
  kind: fc.constantFrom('delivered' as const, 'read' as const),
  deviceId: fc.constantFrom(PHONE, 'laptop' as DeviceId),
  // One further than the messages go: not even the last of those that are merged has to be right.
  upTo: fc.integer({ min: 1, max: MESSAGES + 1 }),
})
type Acknowledgement = ReturnType<typeof acknowledgement.generate>['value']
const phone = (kind: 'delivered' | 'read', upTo: number): Acknowledgement => ({ kind, deviceId: PHONE, upTo })
const ATTEMPT = { kind: 'attempt' as const }
type Asked = Acknowledgement | typeof ATTEMPT

/** What another node has recorded, which the first does not know yet. */
const elsewhere = fc.array(acknowledgement, { maxLength: 2 })
const together = fc.array<Asked>(
  fc.oneof({ arbitrary: acknowledgement, weight: 6 }, { arbitrary: fc.constant(ATTEMPT), weight: 1 }),
  { minLength: 2, maxLength: 12 },
)

const ask = (handler: CommandHandler, id: ConversationId, asked: Asked) =>
  asked.kind === 'attempt'
    ? handler.deliver(id, {
        type: 'record-attempt',
        at: Date.now() as Millis,
        userId: BOB,
        fromSeq: 1 as Seq,
        toSeq: MESSAGES as Seq,
        channel: 'socket',
        outcome: 'offline',
        envelope: { ...envelope(`attempt ${++attempts}`, BOB), actorKind: 'system' },
      })
    : acknowledge(handler, id, asked.upTo, asked.kind, asked.deviceId)
let attempts = 0

describe('acknowledgements', () => {
  test('that wait together become one range', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await Promise.all(Array.from({ length: 50 }, (_, i) => send(handler, id, `m${i}`)))
    await Promise.all(Array.from({ length: 50 }, (_, i) => acknowledge(handler, id, i + 1, 'delivered')))
    const receipts = await streamOf(id, deliveryStream)
    expect(receipts.length).toBeLessThan(5)
    expect(receipts.at(-1)?.data).toMatchObject({ toSeq: 50 })
  })

  test('a forged one among good ones is refused alone', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    await send(handler, id, 'only')
    const [good, forged] = await Promise.all([
      acknowledge(handler, id, 1, 'delivered'),
      acknowledge(handler, id, 99, 'delivered'),
    ])
    expect(good).toMatchObject({ kind: 'done', result: { upTo: 1 } })
    expect(forged).toMatchObject({ kind: 'rejected', code: 'conflict' })
  })

  test('a read that is merged with a later one overtakes nothing that its device said in between', async () => {
    const id = newId()
    const handler = node()
    await start(handler, id)
    for (let i = 1; i <= 3; i++) await send(handler, id, `m${i}`)
    const answers = await Promise.all([
      acknowledge(handler, id, 1, 'read'),
      acknowledge(handler, id, 1, 'delivered'),
      acknowledge(handler, id, 2, 'read'),
      acknowledge(handler, id, 2, 'delivered'),
      acknowledge(handler, id, 3, 'read'),
    ])
    expect(answers.map(({ kind }) => kind)).toEqual(Array(5).fill('done'))
    // Those of a kind that wait together are one fact, but for a read, which is two.
    const recorded = (await streamOf(id, deliveryStream)).map(({ type, data }) => [
      type,
      (data as DeliveryEvent & { toSeq: number }).toSeq,
    ])
    expect(recorded).toEqual([
      ['MessageDelivered', 2],
      ['MessageDelivered', 3],
      ['MessageRead', 3],
    ])
  })

  test('are refused together exactly where they are one by one, and leave the same watermarks', async () => {
    const [handler, other] = [node(), node({ node: 'n2' })]
    await fc.assert(
      fc.asyncProperty(elsewhere, together, async (earlier, asked) => {
        const [atOnce, oneByOne] = [newId(), newId()]
        for (const id of [atOnce, oneByOne]) {
          await start(handler, id)
          await Promise.all(Array.from({ length: MESSAGES }, (_, i) => send(handler, id, `m${i}`)))
          await acknowledge(handler, id, 1, 'delivered', TABLET)
          for (const one of earlier) await ask(other, id, one)
        }
        const answers = await Promise.all(asked.map((one) => ask(handler, atOnce, one)))
        const alone: typeof answers = []
        for (const one of asked) alone.push(await ask(handler, oneByOne, one))
        expect(answers.map(outcomeOf)).toEqual(alone.map(outcomeOf))
        const watermarks = await watermarksIn(atOnce)
        expect(watermarks.devices.get(TABLET)).toBeDefined()
        expect(watermarks).toEqual(await watermarksIn(oneByOne))
      }),
      {
        numRuns: 40,
        examples: [
          // The first is behind what is durable, the last is not.
          [[phone('delivered', 5)], [phone('delivered', 3), phone('delivered', 7)]],
          // A try between two that could be merged.
          [[], [phone('delivered', 2), ATTEMPT, phone('delivered', 2)]],
          // The first is right, the last is forged, and another device has read further in between.
          [[], [phone('read', 1), { ...phone('read', 2), deviceId: TABLET }, phone('read', MESSAGES + 1)]],
        ],
      },
    )
  })
})

const outcomeOf = (answer: Awaited<ReturnType<typeof ask>>) =>
  answer.kind === 'rejected' ? answer.code : answer.kind

async function watermarksIn(id: ConversationId): Promise<Watermarks> {
  const state = initialDelivery(id)
  for (const recorded of await streamOf(id, deliveryStream))
    evolveDelivery(state, decode(recorded) as DeliveryEvent)
  return watermarksOf(state, BOB)
}

test('readings of 230 people with the longest ids, all at once, are recorded', async () => {
  const handler = node()
  const id = newId()
  const people = Array.from({ length: 230 }, (_, n) => `${n}`.padStart(128, 'p') as UserId)
  const at = Date.now() as Millis
  const group = { type: 'start', at, by: ALICE, kind: 'group', members: people } as const
  await handler.converse(id, { ...group, envelope: envelope(`start ${id}`) })
  await send(handler, id, 'to all of them')
  const deviceId = 'd'.repeat(64) as DeviceId
  const readings = people.map((userId) =>
    handler.deliver(id, acknowledgeCommand('read', id, 1 as Seq, userId, deviceId)),
  )
  const answers = await Promise.all(readings)
  expect([...new Set(answers.map(({ kind }) => kind))]).toEqual(['done'])
})

test('what is being sent may be acknowledged already', async () => {
  const handler = node()
  const id = newId()
  await start(handler, id)
  for (const upTo of [1, 2]) {
    const answers = [send(handler, id, `said ${upTo}`), acknowledge(handler, id, upTo, 'read')]
    expect(await Promise.all(answers)).toMatchObject([{ kind: 'done' }, { kind: 'done', result: { upTo } }])
  }
  expect(await acknowledge(handler, id, 3, 'read')).toMatchObject({ kind: 'rejected', code: 'conflict' })
})

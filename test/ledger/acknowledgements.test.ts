/** Receipts that wait together are merged; nobody may be able to tell. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evolveDelivery, initialDelivery, type Watermarks } from '../../domain/delivery/state.ts'
import type { DeliveryEvent } from '../../domain/events.ts'
import type { ConversationId, DeviceId } from '../../domain/ids.ts'
import { deliveryStream } from '../../ledger/streams.ts'
import { acknowledge, BOB, newId, node, PHONE, send, start, streamOf } from './command-kit.ts'

const MESSAGES = 9
const acknowledgement = fc.record({
  kind: fc.constantFrom('delivered' as const, 'read' as const),
  deviceId: fc.constantFrom(PHONE, 'laptop' as DeviceId),
  // One further than the messages go: not even the last of those that are merged has to be right.
  upTo: fc.integer({ min: 1, max: MESSAGES + 1 }),
})
/** What is durable when they come. */
const before = fc.array(acknowledgement, { maxLength: 2 })

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
    // The two of each kind that wait together are one fact, but for a read, which is both.
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
    const handler = node()
    await fc.assert(
      fc.asyncProperty(
        before,
        fc.array(acknowledgement, { minLength: 2, maxLength: 12 }),
        async (earlier, asked) => {
          const [together, oneByOne] = [newId(), newId()]
          for (const id of [together, oneByOne]) {
            await start(handler, id)
            await Promise.all(Array.from({ length: MESSAGES }, (_, i) => send(handler, id, `m${i}`)))
          }
          const ask = (id: ConversationId, { upTo, kind, deviceId }: (typeof asked)[number]) =>
            acknowledge(handler, id, upTo, kind, deviceId)
          for (const one of earlier) for (const id of [together, oneByOne]) await ask(id, one)
          const answers = await Promise.all(asked.map((one) => ask(together, one)))
          const alone: typeof answers = []
          for (const one of asked) alone.push(await ask(oneByOne, one))
          expect(answers.map(outcomeOf)).toEqual(alone.map(outcomeOf))
          expect(await watermarksIn(together)).toEqual(await watermarksIn(oneByOne))
        },
      ),
      { numRuns: 40 },
    )
  })
})

type Answer = Awaited<ReturnType<typeof acknowledge>>
const outcomeOf = (answer: Answer) => (answer.kind === 'rejected' ? answer.code : answer.kind)

async function watermarksIn(id: ConversationId): Promise<Watermarks | undefined> {
  const state = initialDelivery(id)
  for (const { data } of await streamOf(id, deliveryStream)) evolveDelivery(state, data as DeliveryEvent)
  return state.people.get(BOB)
}

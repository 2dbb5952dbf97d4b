/** What `eventstoredb` is judged by: that its verdict sees what is wrong, and that its reference does the same work. */
import { expect, onTestFinished, test } from 'vitest'
import { type MadeAppend, oneByOne, repeatAlone } from '../../bench/eventstoredb/client-alone.ts'
import { beginTalks, type Talk, talkOn } from '../../bench/eventstoredb/commands.ts'
import { whatIsWrong } from '../../bench/eventstoredb/verdict.ts'
import { createEventStoreLedger } from '../../ledger/eventstoredb/ledger.ts'
import { createCommandHandler } from '../../ledger/handle-command.ts'
import type { Ledger, RecordedEvent, StreamName } from '../../ledger/ledger.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'
import { startSimulator } from '../support/eventstoredb/simulator.ts'

const KEY = Buffer.alloc(32, 7)
const unused = () => Promise.reject(new Error('nobody asks for this'))

/** Three pairs have talked: ten messages each, and one before them. */
async function talked() {
  const simulator = await startSimulator()
  const ledger = createEventStoreLedger({ url: simulator.url })
  onTestFinished(async () => {
    await ledger.close()
    await simulator.stop()
  })
  const made = new Map<StreamName, MadeAppend[]>()
  const append: Ledger['append'] = (stream, events, expected) => {
    made.set(stream, [...(made.get(stream) ?? []), { events, expected }])
    return ledger.append(stream, events, expected)
  }
  const handler = createCommandHandler({
    ledger: { ...ledger, append },
    snapshots: { load: async () => undefined, save: async () => {}, drop: async () => {} },
    contentKeys: { cached: () => KEY, ensure: async () => KEY, find: unused },
    temporaryBodies: { keep: unused, takeBack: unused, destroy: unused } as never,
    node: 'test',
    findMessage: unused,
    report: () => {},
  })
  const talks = await beginTalks(handler, {
    simulatorUrl: '',
    databaseUrl: '',
    pairs: 3,
    inFlight: 4,
    messagesPerPair: 10,
    textBytes: 100,
    rounds: 1,
  })
  await talkOn(handler, talks, 4)
  return { simulator, ledger, talks, made }
}

test('messages that went through their three lives are all there, in order, received and read', async () => {
  const { ledger, talks } = await talked()
  expect(talks.map(({ sent }) => sent.size)).toEqual([11, 11, 11])
  expect(await whatIsWrong(ledger, talks)).toEqual([])
})

test('an event that is missing, doubled, out of its place or changed is found', async () => {
  const { ledger, talks } = await talked()
  const [{ conversationId }] = talks as [Talk]
  const after = (stream: StreamName, change: (events: RecordedEvent[]) => RecordedEvent[]) =>
    whatIsWrong(
      {
        ...ledger,
        readStream: async function* (name) {
          const events: RecordedEvent[] = []
          for await (const event of ledger.readStream(name)) events.push(event)
          yield* name === stream ? change(events) : events
        },
      },
      talks,
    )
  for (const stream of [conversationStream(conversationId), deliveryStream(conversationId)]) {
    expect(await after(stream, (events) => events)).toEqual([])
    expect(await after(stream, (events) => events.slice(0, -1))).not.toEqual([])
    expect(await after(stream, (events) => events.toSpliced(3, 1))).not.toEqual([])
    expect(await after(stream, (events) => events.toSpliced(3, 0, events[3] as never))).not.toEqual([])
    expect(
      await after(stream, (events) => events.toSpliced(3, 2, events[4] as never, events[3] as never)),
    ).not.toEqual([])
    const forged = (event: RecordedEvent) => ({
      ...event,
      data: { ...(event.data as object), deviceId: 'other' },
    })
    expect(await after(stream, (events) => events.with(3, forged(events[3] as RecordedEvent)))).not.toEqual(
      [],
    )
  }
})

test('the client alone repeats every append as it was made, on streams of its own', async () => {
  const { simulator, made } = await talked()
  const all = [...made.values()].flat()
  const events = all.reduce((sum, append) => sum + append.events.length, 0)
  expect(await repeatAlone(simulator.url, made, 'again')).toMatchObject({ appends: all.length, events })
  expect(await repeatAlone(simulator.url, oneByOne(made), 'singly')).toMatchObject({
    appends: events,
    events,
  })
  const kept = (stream: string) =>
    simulator.log.stream(stream).map(({ id, data }) => [id, Buffer.from(data).toString()])
  for (const stream of made.keys()) {
    expect(kept(stream).length).toBeGreaterThan(0)
    expect(kept(`again-${stream}`)).toEqual(kept(stream))
    expect(kept(`singly-${stream}`)).toEqual(kept(stream))
  }
})

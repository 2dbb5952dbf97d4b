/** One promise for each trap of the client and the server that the design names (section 4), by its number. */

import { setTimeout as sleep } from 'node:timers/promises'
import { EventStoreDBClient, streamNameFilter } from '@eventstore/db-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEventStoreLedger } from '../../../ledger/eventstoredb/ledger.ts'
import { BEGINNING, NO_STREAM } from '../../../ledger/ledger.ts'
import {
  anEvent,
  collect,
  follow,
  idsOf,
  revisionOf,
  settle,
  someEvents,
  streamOf,
  written,
} from '../contract/kit.ts'
import { open, PATIENT, simulate } from './kit.ts'

const A = streamOf('conversation-a')
const B = streamOf('conversation-b')

describe('trap 1, idempotency', () => {
  test('an append whose reply was cut off is ambiguous, and its identical repeat is written once', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    const events = someEvents(3)
    simulator.faults.onAppend({ kind: 'cut', when: 'after' })
    expect((await ledger.append(A, events, NO_STREAM)).kind).toBe('ambiguous')
    const repeated = written(await ledger.append(A, events, NO_STREAM))
    expect(repeated).toMatchObject({
      revision: 2,
      position: BigInt(simulator.log.stream(A)[2]?.position ?? 0),
    })
    expect(simulator.log.stream(A)).toHaveLength(3)
  })

  test('an append that was cut off before it was written is ambiguous too, and its repeat is written', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    const events = someEvents(2)
    simulator.faults.onAppend({ kind: 'cut', when: 'before' })
    expect((await ledger.append(A, events, NO_STREAM)).kind).toBe('ambiguous')
    expect(written(await ledger.append(A, events, NO_STREAM)).revision).toBe(1)
  })

  test('a repeat finds that another writer was first, and says where the stream stands', async () => {
    const simulator = await simulate()
    const [ledger, rival] = [open(simulator.url, { appendTimeoutMs: 200 }), open(simulator.url)]
    const events = someEvents(2)
    simulator.faults.onAppend({ kind: 'silent', when: 'before' })
    expect((await ledger.append(A, events, NO_STREAM)).kind).toBe('ambiguous')
    written(await rival.append(A, someEvents(4), NO_STREAM))
    expect(await settle(ledger, A, events, NO_STREAM)).toEqual({ kind: 'conflict', actual: 3 })
  })

  test('the server writes the same events twice at a correct newer revision: nobody may repeat like that', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    const events = [anEvent()]
    await ledger.append(A, events, NO_STREAM)
    expect(await ledger.append(A, events, revisionOf(0))).toMatchObject({ kind: 'written', revision: 1 })
  })

  test('a success without a position is looked up, so that a repeat answers as the original did', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    const events = someEvents(3)
    const first = await ledger.append(A, events, NO_STREAM)
    simulator.faults.onAppend({ kind: 'no-position' })
    expect(await ledger.append(A, events, NO_STREAM)).toEqual(first)
  })
})

test('trap 2, event ids: the same id in another stream is another event', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url)
  const event = anEvent()
  written(await ledger.append(A, [event], NO_STREAM))
  expect(await ledger.append(B, [event], NO_STREAM)).toMatchObject({ kind: 'written', revision: 0 })
})

describe('trap 3, batched appends', () => {
  test('an append that is never answered is ambiguous after our own timeout', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url, { appendTimeoutMs: 150 })
    simulator.faults.onAppend({ kind: 'silent', when: 'after' })
    const began = Date.now()
    expect((await ledger.append(A, [anEvent()], NO_STREAM)).kind).toBe('ambiguous')
    expect(Date.now() - began).toBeLessThan(4_000)
  })

  test('a server that is busy, not ready or without a leader refuses for now, and nothing was written', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    for (const answer of [
      'Server Is Busy',
      'Server Is Not Ready',
      'No leader info available in response',
    ] as const) {
      simulator.faults.onAppend({ kind: 'unwilling', answer })
      expect(await ledger.append(A, [anEvent()], NO_STREAM)).toMatchObject({
        kind: 'refused',
        retryable: true,
      })
    }
    expect(simulator.log.stream(A)).toEqual([])
  })

  test('a cut fails the appends of its own ledger, and of no other in the process', async () => {
    const [one, other] = [await simulate(), await simulate()]
    const [cut, slow] = [open(one.url), open(other.url)]
    await Promise.all([cut.append(A, [anEvent()], NO_STREAM), slow.append(A, [anEvent()], NO_STREAM)])
    other.faults.delayAppends(200)
    const events = [anEvent()]
    const waiting = slow.append(B, events, NO_STREAM)
    await sleep(50)
    one.faults.onAppend({ kind: 'cut', when: 'after' })
    expect((await cut.append(B, [anEvent()], NO_STREAM)).kind).toBe('ambiguous')
    // The client's own `appendToStream` would have given this one up, too (`client.test.ts`).
    expect(written(await waiting).revision).toBe(0)
    expect(written(await slow.append(B, events, NO_STREAM)).revision).toBe(0)
    expect(other.log.stream(B)).toHaveLength(1)
  })

  test('a reply that comes after our own timeout changes nothing, and ends no process', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url, { appendTimeoutMs: 100 })
    written(await settle(ledger, A, [anEvent()], NO_STREAM))
    simulator.faults.delayAppends(200)
    const events = [anEvent()]
    expect((await ledger.append(B, events, NO_STREAM)).kind).toBe('ambiguous')
    simulator.faults.delayAppends(0)
    await sleep(250)
    expect(written(await settle(ledger, B, events, NO_STREAM)).revision).toBe(0)
  })

  test('a cut while megabytes wait to be sent settles every append, and ends no process', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    await ledger.append(A, [anEvent()], NO_STREAM)
    simulator.faults.onAppend({ kind: 'cut', when: 'before' })
    const data = { body: 'x'.repeat(300_000) }
    const appends = Array.from({ length: 100 }, (_, n) =>
      ledger.append(streamOf(`conversation-${n}`), [anEvent(n, { data })], NO_STREAM),
    )
    const kinds = new Set((await Promise.all(appends)).map((outcome) => outcome.kind))
    expect(kinds).toEqual(new Set(['ambiguous']))
    expect(written(await settle(ledger, B, [anEvent()], NO_STREAM)).revision).toBe(0)
  })

  test('appends go on after the server has ended their stream without an error', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    await ledger.append(A, [anEvent()], NO_STREAM)
    simulator.faults.delayAppends(200)
    const waiting = ledger.append(B, [anEvent()], NO_STREAM)
    await sleep(50)
    simulator.faults.endAppends()
    expect((await waiting).kind).toBe('ambiguous')
    simulator.faults.delayAppends(0)
    expect(written(await ledger.append(A, [anEvent()], revisionOf(0))).revision).toBe(1)
  })
})

describe('trap 4, settings of the client', () => {
  test('a URL that switches throwOnAppendFailure off is not accepted', () => {
    const url = 'esdb://127.0.0.1:1?tls=false&throwOnAppendFailure=false'
    expect(() => createEventStoreLedger({ url })).toThrow(/throwOnAppendFailure/)
  })

  test('credentials in the URL keep the fast way of appending', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url.replace('esdb://', 'esdb://admin:changeit@'))
    await ledger.append(A, [anEvent()], NO_STREAM)
    await ledger.append(A, [anEvent()], revisionOf(0))
    expect(simulator.calls).toMatchObject({ batchAppend: 1, batched: 2, classicAppend: 0 })
  })
})

test('trap 5, limits: a server that takes less than our own limit refuses for good', async () => {
  const simulator = await simulate({ maxAppendSize: 10_000 })
  const ledger = open(simulator.url)
  const big = anEvent(0, { data: { body: 'x'.repeat(20_000) } })
  expect(await ledger.append(A, [big], NO_STREAM)).toMatchObject({ kind: 'refused', retryable: false })
  expect(simulator.log.stream(A)).toEqual([])
})

describe('trap 6, subscriptions', () => {
  test.each(['error', 'clean'] as const)(
    'a subscription that ends (%s) goes on from the last event handed over',
    async (how) => {
      const simulator = await simulate()
      const ledger = open(simulator.url)
      const appended: string[] = []
      const follower = follow(ledger, {
        after: BEGINNING,
        prefixes: ['conversation-'],
        onStep: () => sleep(1),
      })
      for (let n = 0; n < 20; n++) {
        const events = someEvents(40)
        await ledger.append(streamOf(`conversation-${n}`), events, NO_STREAM)
        await ledger.append(streamOf(`other-${n}`), someEvents(10), NO_STREAM)
        appended.push(...idsOf(events))
        if (n % 4 === 3) simulator.faults.dropSubscriptions(how)
      }
      await follower.until(() => follower.events.length >= appended.length)
      await follower.stop()
      expect(idsOf(follower.events)).toEqual(appended)
    },
  )

  test('checkpoints that run ahead of a slow consumer lose nothing when the connection is cut', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    const ids: string[] = []
    for (let n = 0; n < 6; n++) {
      const events = someEvents(500)
      await ledger.append(streamOf(`conversation-${n}`), events, NO_STREAM)
      ids.push(...idsOf(events))
    }
    let steps = 0
    const follower = follow(ledger, {
      after: BEGINNING,
      prefixes: ['conversation-'],
      onStep: async () => {
        await sleep(20)
        if (steps++ < 3) simulator.faults.cutConnections()
      },
    })
    await follower.until(() => follower.events.length >= ids.length)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(ids)
  })

  test('a subscription from the end that is dropped before its first event goes on from that same end', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url, { backoff: { first: 200, max: 200 } })
    await ledger.append(A, someEvents(3), NO_STREAM)
    const follower = follow(ledger, { after: 'end', prefixes: ['conversation-'] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    simulator.faults.dropSubscriptions('error')
    const missed = someEvents(2)
    await ledger.append(A, missed, revisionOf(2))
    await follower.until(() => follower.events.length >= 2)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(idsOf(missed))
  })
})

describe('trap 7, streams of a connection', () => {
  test('the 101st subscription of a connection waits in silence: one for each role of a process', async () => {
    const simulator = await simulate()
    const client = EventStoreDBClient.connectionString(simulator.url)
    onTestFinished(() => client.dispose())
    const filter = streamNameFilter({ prefixes: ['conversation-'] })
    const begun = new Set<number>()
    const subscriptions = Array.from({ length: 101 }, (_, n) =>
      client.subscribeToAll({ filter }).on('confirmation', () => begun.add(n)),
    )
    for (const subscription of subscriptions) subscription.on('error', () => {})
    await expect.poll(() => begun.size, PATIENT).toBe(100)
    await sleep(200)
    expect(begun.size).toBe(100)
    await subscriptions[0]?.unsubscribe()
    await expect.poll(() => begun.size, PATIENT).toBe(101)
  })

  test('more reads at once than a connection has streams are all answered', async () => {
    const simulator = await simulate()
    const ledger = open(simulator.url)
    await ledger.append(A, someEvents(50), NO_STREAM)
    const reads = await Promise.all(Array.from({ length: 250 }, () => collect(ledger.readStream(A))))
    expect(reads.every((events) => events.length === 50)).toBe(true)
  })
})

test('trap 8, cost of an append: many events are one append on the wire', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url)
  await ledger.append(A, someEvents(500), NO_STREAM)
  expect(simulator.calls.batched).toBe(1)
})

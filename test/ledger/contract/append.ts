/** Promises of `append`: outcomes, atomicity, idempotency, limits. */

import { expect, test } from 'vitest'
import { MAX_APPEND_BYTES, MAX_APPEND_EVENTS, NO_STREAM } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import {
  anEvent,
  collect,
  idsOf,
  revisionOf,
  someEvents,
  streamOf,
  strictlyGrowing,
  uniquePrefix,
  written,
} from './kit.ts'

export function appendPromises(subject: Subject): void {
  const newStream = () => streamOf(`${uniquePrefix()}a`)

  test('the answer names the revision and position of the last event of the append', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    const outcome = written(await ledger.append(stream, someEvents(3), NO_STREAM))
    const last = (await collect(ledger.readStream(stream))).at(-1)
    expect(outcome.revision).toBe(2)
    expect(last?.revision).toBe(2)
    expect(outcome.position).toBe(last?.position)
  })

  test('what was appended comes back as it was: id, type, data, metadata', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    const event = anEvent(0, {
      type: 'MessageSent',
      data: { text: 'Grüße 👋🏽 "\\\n\u2028', deep: { list: [1, -0.5, 1e21, null, true, ''], empty: {} } },
      metadata: { $correlationId: 'c-1', actorId: 'übung', occurredAt: '1700000000000' },
    })
    await ledger.append(stream, [event], NO_STREAM)
    const [recorded] = await collect(ledger.readStream(stream))
    expect(recorded).toMatchObject({ stream, revision: 0, id: event.id, type: event.type })
    expect(recorded?.data).toEqual(JSON.parse(event.data))
    expect(recorded?.metadata).toEqual(JSON.parse(event.metadata))
    expect(recorded?.position).toBeTypeOf('bigint')
  })

  test('revisions of a stream are 0, 1, 2 … across appends', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    written(await ledger.append(stream, someEvents(2), NO_STREAM))
    expect(written(await ledger.append(stream, someEvents(3), revisionOf(1))).revision).toBe(4)
    expect((await collect(ledger.readStream(stream))).map((e) => e.revision)).toEqual([0, 1, 2, 3, 4])
  })

  test('positions grow with every append, in whatever stream', async () => {
    const ledger = subject.ledger()
    const positions: bigint[] = []
    for (let n = 0; n < 10; n++) {
      positions.push(written(await ledger.append(newStream(), someEvents(1 + (n % 3)), NO_STREAM)).position)
    }
    expect(strictlyGrowing(positions)).toBe(true)
  })

  test('an append that expects no stream conflicts with one that exists, and names its revision', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    await ledger.append(stream, someEvents(2), NO_STREAM)
    expect(await ledger.append(stream, [anEvent()], NO_STREAM)).toEqual({ kind: 'conflict', actual: 1 })
  })

  test('an append that expects a stale revision conflicts and names the actual one', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    await ledger.append(stream, someEvents(5), NO_STREAM)
    expect(await ledger.append(stream, [anEvent()], revisionOf(2))).toEqual({ kind: 'conflict', actual: 4 })
  })

  test('an append that expects a revision not reached yet conflicts', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    expect(await ledger.append(stream, [anEvent()], revisionOf(0))).toEqual({
      kind: 'conflict',
      actual: NO_STREAM,
    })
    await ledger.append(stream, [anEvent()], NO_STREAM)
    expect(await ledger.append(stream, [anEvent()], revisionOf(7))).toEqual({ kind: 'conflict', actual: 0 })
  })

  test('a conflict writes nothing, not even part of a multi-event append', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    const first = someEvents(1)
    await ledger.append(stream, first, NO_STREAM)
    await ledger.append(stream, someEvents(3), NO_STREAM)
    expect(idsOf(await collect(ledger.readStream(stream)))).toEqual(idsOf(first))
  })

  test('an identical append repeated gives the same answer, and its events exist once', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    const events = someEvents(3)
    const first = await ledger.append(stream, events, NO_STREAM)
    expect(first.kind).toBe('written')
    expect(await ledger.append(stream, events, NO_STREAM)).toEqual(first)
    expect(idsOf(await collect(ledger.readStream(stream)))).toEqual(idsOf(events))
  })

  test('an identical append repeated after others went on still gives its first answer', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    await ledger.append(stream, someEvents(1), NO_STREAM)
    const events = someEvents(2)
    const first = written(await ledger.append(stream, events, revisionOf(0)))
    written(await ledger.append(stream, someEvents(40), revisionOf(2)))
    expect(await ledger.append(stream, events, revisionOf(0))).toEqual(first)
    expect(await collect(ledger.readStream(stream))).toHaveLength(43)
  })

  test('the same events at an older revision than their own are a conflict', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    await ledger.append(stream, someEvents(1), NO_STREAM)
    const events = someEvents(1)
    written(await ledger.append(stream, events, revisionOf(0)))
    expect(await ledger.append(stream, events, NO_STREAM)).toEqual({ kind: 'conflict', actual: 1 })
  })

  test('an append that shares only some events with an earlier one is a conflict and writes nothing', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    const [a, b, c] = [anEvent(1), anEvent(2), anEvent(3)]
    written(await ledger.append(stream, [a, b], NO_STREAM))
    expect(await ledger.append(stream, [a, c], NO_STREAM)).toEqual({ kind: 'conflict', actual: 1 })
    expect(await ledger.append(stream, [a, b, c], NO_STREAM)).toEqual({ kind: 'conflict', actual: 1 })
    expect(await ledger.append(stream, [b, a], NO_STREAM)).toEqual({ kind: 'conflict', actual: 1 })
    expect(idsOf(await collect(ledger.readStream(stream)))).toEqual([a.id, b.id])
  })

  test('the largest append goes through: as many events, and as many bytes, as the limits say', async () => {
    const ledger = subject.ledger()
    const many = newStream()
    expect(written(await ledger.append(many, someEvents(MAX_APPEND_EVENTS), NO_STREAM)).revision).toBe(
      MAX_APPEND_EVENTS - 1,
    )
    // Room for keys and metadata of an implementation that counts those too.
    const big = anEvent(0, { data: { body: 'x'.repeat(MAX_APPEND_BYTES - 1024) } })
    const heavy = newStream()
    written(await ledger.append(heavy, [big], NO_STREAM))
    expect((await collect(ledger.readStream(heavy)))[0]?.data).toEqual(JSON.parse(big.data))
  })

  test('misuse throws: no events, too many events, too many bytes', async () => {
    const ledger = subject.ledger()
    const stream = newStream()
    await expect(ledger.append(stream, [], NO_STREAM)).rejects.toThrow()
    await expect(ledger.append(stream, someEvents(MAX_APPEND_EVENTS + 1), NO_STREAM)).rejects.toThrow()
    const half = { body: 'é'.repeat(MAX_APPEND_BYTES / 4 + 1) }
    await expect(
      ledger.append(stream, [anEvent(0, { data: half }), anEvent(1, { data: half })], NO_STREAM),
    ).rejects.toThrow()
    expect(await collect(ledger.readStream(stream))).toEqual([])
  })
}

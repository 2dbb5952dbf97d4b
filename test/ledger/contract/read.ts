/** Promises of `readStream`, `readAll`, `head` and `ping`. */

import { expect, test } from 'vitest'
import { NO_STREAM, type RecordedEvent } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import {
  anEvent,
  appendEach,
  collect,
  idsOf,
  revisionOf,
  someEvents,
  streamOf,
  strictlyGrowing,
  uniquePrefix,
  written,
} from './kit.ts'

const revisionsOf = (events: readonly RecordedEvent[]): number[] => events.map((e) => e.revision)

export function readPromises(subject: Subject): void {
  test('a stream that does not exist is empty, in both directions', async () => {
    const stream = streamOf(`${uniquePrefix()}none`)
    expect(await collect(subject.ledger().readStream(stream))).toEqual([])
    expect(await collect(subject.ledger().readStream(stream, { direction: 'backwards' }))).toEqual([])
  })

  test('a stream reads forwards and backwards, from a revision on, up to a limit', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    await ledger.append(stream, someEvents(5), NO_STREAM)
    const read = async (options?: Parameters<typeof ledger.readStream>[1]) =>
      revisionsOf(await collect(ledger.readStream(stream, options)))
    expect(await read()).toEqual([0, 1, 2, 3, 4])
    expect(await read({ from: revisionOf(3) })).toEqual([3, 4])
    expect(await read({ from: revisionOf(1), limit: 2 })).toEqual([1, 2])
    expect(await read({ direction: 'backwards' })).toEqual([4, 3, 2, 1, 0])
    expect(await read({ direction: 'backwards', limit: 1 })).toEqual([4])
    expect(await read({ direction: 'backwards', from: revisionOf(2) })).toEqual([2, 1, 0])
    expect(await read({ direction: 'backwards', from: revisionOf(3), limit: 2 })).toEqual([3, 2])
    expect(await read({ limit: 0 })).toEqual([])
  })

  test('reading from behind the end of a stream is empty forwards, and the whole stream backwards', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    await ledger.append(stream, someEvents(2), NO_STREAM)
    expect(await collect(ledger.readStream(stream, { from: revisionOf(2) }))).toEqual([])
    expect(await collect(ledger.readStream(stream, { from: revisionOf(9) }))).toEqual([])
    const backwards = ledger.readStream(stream, { direction: 'backwards', from: revisionOf(9) })
    expect(revisionsOf(await collect(backwards))).toEqual([1, 0])
  })

  test('a stream of many pages reads whole and in order, in both directions', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}long`)
    for (let n = 0; n < 3; n++) {
      await ledger.append(stream, someEvents(500, n * 500), n === 0 ? NO_STREAM : revisionOf(n * 500 - 1))
    }
    const expected = Array.from({ length: 1500 }, (_, i) => i)
    expect(revisionsOf(await collect(ledger.readStream(stream)))).toEqual(expected)
    const backwards = await collect(ledger.readStream(stream, { direction: 'backwards' }))
    expect(revisionsOf(backwards)).toEqual(expected.reverse())
  })

  test('a read that is left early releases what it holds', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    await ledger.append(stream, someEvents(300), NO_STREAM)
    // More than the 100 streams of one HTTP/2 connection: a leak would stop the later ones.
    for (let n = 0; n < 150; n++) {
      for await (const event of ledger.readStream(stream)) {
        expect(event.revision).toBe(0)
        break
      }
    }
  })

  test('reading all gives every event once, in position order, which is the order of the appends', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const appended: string[] = []
    for (let n = 0; n < 12; n++) {
      const events = someEvents(1 + (n % 4))
      written(await ledger.append(streamOf(`${prefix}${n}`), events, NO_STREAM))
      appended.push(...idsOf(events))
    }
    const all = await collect(ledger.readAll({ prefixes: [prefix] }))
    expect(idsOf(all)).toEqual(appended)
    expect(strictlyGrowing(all.map((e) => e.position))).toBe(true)
  })

  test('reading all after a position begins with the very next event, also inside one append', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    await ledger.append(streamOf(`${prefix}a`), someEvents(4), NO_STREAM)
    await ledger.append(streamOf(`${prefix}b`), someEvents(3), NO_STREAM)
    const all = await collect(ledger.readAll({ prefixes: [prefix] }))
    for (const [i, event] of all.entries()) {
      const rest = await collect(ledger.readAll({ prefixes: [prefix], after: event.position }))
      expect(idsOf(rest)).toEqual(idsOf(all.slice(i + 1)))
    }
  })

  test('reading all stops at its limit', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    await ledger.append(streamOf(`${prefix}a`), someEvents(10), NO_STREAM)
    const all = await collect(ledger.readAll({ prefixes: [prefix] }))
    const page = await collect(ledger.readAll({ prefixes: [prefix], limit: 4 }))
    expect(idsOf(page)).toEqual(idsOf(all.slice(0, 4)))
    expect(await collect(ledger.readAll({ prefixes: [prefix], limit: 0 }))).toEqual([])
  })

  test('prefixes choose streams literally: any of several, case and wildcard characters as they are', async () => {
    const ledger = subject.ledger()
    const unique = uniquePrefix()
    const names = ['a_b-1', 'axb-1', 'a%b-1', 'A_b-1', 'a_b', 'c.d-1', 'cxd-1'].map((name) =>
      streamOf(unique + name),
    )
    for (const name of names) await ledger.append(name, [anEvent()], NO_STREAM)
    const read = async (...prefixes: string[]) => {
      const full = prefixes.map((prefix) => unique + prefix)
      return (await collect(ledger.readAll({ prefixes: full }))).map((e) => e.stream.slice(unique.length))
    }
    expect(await read('a_b-')).toEqual(['a_b-1'])
    expect(await read('a%')).toEqual(['a%b-1'])
    expect(await read('c.d', 'A')).toEqual(['A_b-1', 'c.d-1'])
    expect(await read('nothing')).toEqual([])
    expect(await read('')).toHaveLength(names.length)
  })

  test('without prefixes all streams are read, system streams left out', async () => {
    const ledger = subject.ledger()
    const before = await ledger.head()
    const [a, b] = [streamOf(`${uniquePrefix()}a`), streamOf(`${uniquePrefix()}b`)]
    await ledger.append(a, [anEvent()], NO_STREAM)
    await ledger.append(b, [anEvent()], NO_STREAM)
    const streams = (await collect(ledger.readAll({ after: before }))).map((e) => e.stream)
    expect(streams.filter((s) => s === a || s === b)).toEqual([a, b])
    expect(streams.filter((s) => s.startsWith('$'))).toEqual([])
  })

  test('what was answered as written is in the very next read', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    for (let n = 0; n < 30; n++) {
      const stream = streamOf(`${prefix}${n}`)
      const { position } = written(await ledger.append(stream, [anEvent()], NO_STREAM))
      expect(await collect(ledger.readStream(stream))).toHaveLength(1)
      expect((await collect(ledger.readAll({ prefixes: [prefix] }))).at(-1)?.position).toBe(position)
    }
  })

  test('the head is the position of the last event, and nothing is behind it', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    const positions = await appendEach(ledger, stream, 3)
    const head = await ledger.head()
    expect(head).toBeGreaterThanOrEqual(positions.at(-1) ?? 0n)
    const behind = await collect(ledger.readAll({ after: head }))
    expect(behind.filter((e) => e.stream === stream)).toEqual([])
  })

  test('a ledger that answers is pinged', async () => {
    await expect(subject.ledger().ping()).resolves.toBeUndefined()
  })
}

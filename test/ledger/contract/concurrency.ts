/** Promises under concurrency: of many callers, and of two instances on one storage. */

import { expect, test } from 'vitest'
import { type Ledger, NO_STREAM } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import {
  anEvent,
  collect,
  follow,
  idsOf,
  revisionOf,
  settle,
  someEvents,
  streamOf,
  strictlyGrowing,
  uniquePrefix,
} from './kit.ts'

const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

export function concurrencyPromises(subject: Subject): void {
  test('of many appends that expect the same revision, exactly one is written', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    const outcomes = await Promise.all(times(20, () => settle(ledger, stream, [anEvent()], NO_STREAM)))
    expect(outcomes.filter((o) => o.kind === 'written')).toHaveLength(1)
    expect(outcomes.filter((o) => o.kind === 'conflict')).toHaveLength(19)
    expect(await collect(ledger.readStream(stream))).toHaveLength(1)
  })

  test('identical appends at the same time are one append with one answer', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}a`)
    const events = someEvents(3)
    const outcomes = await Promise.all(times(10, () => settle(ledger, stream, events, NO_STREAM)))
    expect(
      new Set(outcomes.map((o) => (o.kind === 'written' ? `${o.revision} ${o.position}` : o.kind))).size,
    ).toBe(1)
    expect(outcomes[0]?.kind).toBe('written')
    expect(idsOf(await collect(ledger.readStream(stream)))).toEqual(idsOf(events))
  })

  test('many appends to many streams at once all succeed', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const outcomes = await Promise.all(
      times(300, (n) => settle(ledger, streamOf(`${prefix}${n}`), someEvents(2), NO_STREAM)),
    )
    expect(outcomes.every((o) => o.kind === 'written')).toBe(true)
    expect(await collect(ledger.readAll({ prefixes: [prefix] }))).toHaveLength(600)
  })

  test('writers of two instances never give a subscriber a gap or an event out of order', async () => {
    const ledger = subject.ledger()
    const other = await subject.another()
    const prefix = uniquePrefix()
    const follower = follow(ledger, { after: await ledger.head(), prefixes: [prefix] })
    try {
      const writers = other.sameStorage ? [ledger, other.ledger] : [ledger, ledger]
      const perWriter = 8
      const appends = 12
      const write = async (writer: Ledger, name: string) => {
        for (let n = 0; n < appends; n++) {
          const outcome = await settle(
            writer,
            streamOf(prefix + name),
            someEvents(3, n * 3),
            revisionOf(n * 3 - 1),
          )
          if (outcome.kind !== 'written') throw new Error(outcome.kind)
        }
      }
      await Promise.all(writers.flatMap((writer, w) => times(perWriter, (n) => write(writer, `${w}-${n}`))))
      const total = 2 * perWriter * appends * 3
      await follower.until(() => follower.events.length >= total)
      const all = await collect(ledger.readAll({ prefixes: [prefix] }))
      expect(idsOf(follower.events)).toEqual(idsOf(all))
      expect(strictlyGrowing(all.map((e) => e.position))).toBe(true)
      for (const stream of new Set(all.map((e) => e.stream))) {
        const revisions = follower.events.filter((e) => e.stream === stream).map((e) => e.revision)
        expect(revisions).toEqual(times(appends * 3, (n) => n))
      }
    } finally {
      await follower.stop()
      await other.close()
    }
  })

  test('two instances that race for one stream agree on one history', async () => {
    const ledger = subject.ledger()
    const other = await subject.another()
    try {
      const stream = streamOf(`${uniquePrefix()}race`)
      const rivals = other.sameStorage ? [ledger, other.ledger] : [ledger, ledger]
      const winners: string[] = []
      const race = async (rival: Ledger) => {
        let expected = NO_STREAM
        for (let won = 0; won < 15; ) {
          const event = anEvent()
          const outcome = await settle(rival, stream, [event], expected)
          if (outcome.kind === 'written') {
            winners[outcome.revision] = event.id
            expected = outcome.revision
            won++
          } else if (outcome.kind === 'conflict') expected = outcome.actual
          else throw new Error(outcome.kind)
        }
      }
      await Promise.all(rivals.map(race))
      expect(idsOf(await collect(ledger.readStream(stream)))).toEqual(winners)
    } finally {
      await other.close()
    }
  })

  test('a multi-event append is seen whole or not at all by whoever reads the stream', async () => {
    const ledger = subject.ledger()
    const stream = streamOf(`${uniquePrefix()}whole`)
    let writing = true
    const write = async () => {
      for (let n = 0; n < 10; n++) await settle(ledger, stream, someEvents(50), revisionOf(n * 50 - 1))
      writing = false
    }
    const sizes = new Set<number>()
    const watch = async () => {
      while (writing) {
        const [last] = await collect(ledger.readStream(stream, { direction: 'backwards', limit: 1 }))
        if (last !== undefined) sizes.add((last.revision + 1) % 50)
      }
    }
    await Promise.all([write(), watch()])
    expect([...sizes].filter((size) => size !== 0)).toEqual([])
  })
}

/** Promises of `subscribe`: history, live, caught-up, back-pressure, filters, the end. Resuming stands in `resume.ts`. */

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BEGINNING, NO_STREAM, type RecordedEvent } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import {
  anEvent,
  appendEach,
  collect,
  follow,
  idsOf,
  revisionOf,
  someEvents,
  streamOf,
  strictlyGrowing,
  uniquePrefix,
  written,
} from './kit.ts'

export function subscribePromises(subject: Subject): void {
  test('a subscriber gets the history, then caught-up, then what is appended, each once and in order', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const history = someEvents(70)
    await ledger.append(streamOf(`${prefix}a`), history, NO_STREAM)
    const follower = follow(ledger, { after: BEGINNING, prefixes: [prefix] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    expect(follower.caughtUpAt[0]).toBe(70)
    const live = someEvents(70, 70)
    for (const [n, event] of live.entries()) {
      written(await ledger.append(streamOf(`${prefix}a`), [event], revisionOf(69 + n)))
    }
    await follower.until(() => follower.events.length >= 140)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(idsOf([...history, ...live]))
    expect(strictlyGrowing(follower.events.map((e) => e.position))).toBe(true)
  })

  test('events are handed over exactly as a read gives them', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const follower = follow(ledger, { after: await ledger.head(), prefixes: [prefix] })
    await ledger.append(streamOf(`${prefix}a`), [anEvent(1, { data: { text: 'ü👋', nil: null } })], NO_STREAM)
    await follower.until(() => follower.events.length > 0)
    await follower.stop()
    expect(follower.events).toEqual(await collect(ledger.readAll({ prefixes: [prefix] })))
  })

  test('of the metadata a follower gets at least the time and the version, whatever else stands there', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const stored: Record<string, string>[] = [
      { actorId: 'ann', recordedAt: '1767225600000', schemaVersion: '2' },
      { actorId: '"recordedAt":"1","schemaVersion":"7', schemaVersion: '1', recordedAt: '5', hash: 'f00' },
      { actorId: 'ü\u001e,\\"', recordedAt: '6' },
      { schemaVersion: '1', note: '\\","recordedAt":"9' },
      {},
    ]
    const events = stored.map((metadata, n) => anEvent(n, { metadata, data: { text: 'ü\u001e👋,', n } }))
    await ledger.append(streamOf(`${prefix}a`), events, NO_STREAM)
    const follower = follow(ledger, { after: BEGINNING, prefixes: [prefix] })
    await follower.until(() => follower.events.length === events.length)
    await follower.stop()
    const read = await collect(ledger.readAll({ prefixes: [prefix] }))
    const bare = ({ metadata, ...event }: RecordedEvent) => event
    expect(follower.events.map(bare)).toEqual(read.map(bare))
    for (const [n, { metadata }] of follower.events.entries()) {
      const { recordedAt, schemaVersion } = stored[n] ?? {}
      expect(metadata.recordedAt).toBe(recordedAt)
      expect(metadata.schemaVersion).toBe(schemaVersion)
      expect(stored[n]).toMatchObject(metadata)
    }
  })

  test('a subscriber with nothing to read is told that it has caught up', async () => {
    const follower = follow(subject.ledger(), { after: BEGINNING, prefixes: [uniquePrefix()] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    await follower.stop()
    expect(follower.events).toEqual([])
  })

  test('caught-up is never said before everything that was there has been handed over', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    await ledger.append(streamOf(`${prefix}a`), someEvents(500), NO_STREAM)
    await ledger.append(streamOf(`${prefix}b`), someEvents(500), NO_STREAM)
    const follower = follow(ledger, { after: BEGINNING, prefixes: [prefix], onStep: () => sleep(5) })
    await follower.until(() => follower.caughtUpAt.length > 0)
    await follower.stop()
    expect(follower.caughtUpAt[0]).toBe(1000)
  })

  test('a subscriber from the end gets only what is appended after it has begun', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const stream = streamOf(`${prefix}a`)
    await ledger.append(stream, someEvents(40), NO_STREAM)
    const follower = follow(ledger, { after: 'end', prefixes: [prefix] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    const live = someEvents(3)
    await ledger.append(stream, live, revisionOf(39))
    await follower.until(() => follower.events.length >= 3)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(idsOf(live))
  })

  test('a subscriber sees only streams with its prefixes, and no system streams without any', async () => {
    const ledger = subject.ledger()
    const [mine, other] = [uniquePrefix(), uniquePrefix()]
    const after = await ledger.head()
    const filtered = follow(ledger, { after, prefixes: [`${mine}a`, `${mine}c`] })
    const all = follow(ledger, { after })
    for (const name of [`${mine}a`, `${other}a`, `${mine}b`, `${mine}c`]) {
      await ledger.append(streamOf(name), [anEvent()], NO_STREAM)
    }
    await filtered.until(() => filtered.events.length >= 2)
    await all.until(() => all.events.some((e) => e.stream === `${mine}c`))
    await Promise.all([filtered.stop(), all.stop()])
    expect(filtered.events.map((e) => e.stream)).toEqual([`${mine}a`, `${mine}c`])
    expect(all.events.map((e) => e.stream)).toEqual(
      expect.arrayContaining([`${mine}a`, `${other}a`, `${mine}b`, `${mine}c`]),
    )
    expect(all.events.filter((e) => e.stream.startsWith('$'))).toEqual([])
  })

  test('a slow consumer loses nothing while others append', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    let steps = 0
    const follower = follow(ledger, {
      after: await ledger.head(),
      prefixes: [prefix],
      onStep: () => (steps++ < 20 ? sleep(25) : undefined),
    })
    const appended: string[] = []
    for (let n = 0; n < 100; n++) {
      const events = someEvents(20)
      written(await ledger.append(streamOf(`${prefix}${n}`), events, NO_STREAM))
      appended.push(...idsOf(events))
    }
    await follower.until(() => follower.events.length >= 2000, 20_000)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(appended)
  })

  test('a consumer that stands still holds up neither appends nor other subscribers', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const after = await ledger.head()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const still = follow(ledger, { after, prefixes: [prefix], onStep: () => held })
    const quick = follow(ledger, { after, prefixes: [prefix] })
    for (let n = 0; n < 6; n++) {
      written(await ledger.append(streamOf(`${prefix}${n}`), someEvents(500), NO_STREAM))
    }
    await quick.until(() => quick.events.length >= 3000)
    release()
    await still.until(() => still.events.length >= 3000)
    await Promise.all([still.stop(), quick.stop()])
    expect(idsOf(still.events)).toEqual(idsOf(quick.events))
  })

  test('an abort ends a subscription that waits, without an error', async () => {
    const follower = follow(subject.ledger(), { after: 'end', prefixes: [uniquePrefix()] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    await expect(follower.stop()).resolves.toBeUndefined()
  })

  test('an abort ends a subscription in the middle of its history', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    for (let n = 0; n < 4; n++) await ledger.append(streamOf(`${prefix}${n}`), someEvents(500), NO_STREAM)
    const abort = new AbortController()
    let steps = 0
    for await (const _ of ledger.subscribe({ after: BEGINNING, prefixes: [prefix], signal: abort.signal })) {
      steps++
      abort.abort()
    }
    expect(steps).toBe(1)
  })

  test('a signal that is aborted already gives an empty subscription', async () => {
    const signal = AbortSignal.abort()
    expect(await collect(subject.ledger().subscribe({ after: BEGINNING, signal }))).toEqual([])
  })

  test('a consumer that leaves its loop ends the subscription', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    await appendEach(ledger, streamOf(`${prefix}a`), 3)
    for (let n = 0; n < 20; n++) {
      const { signal } = new AbortController()
      for await (const step of ledger.subscribe({ after: BEGINNING, prefixes: [prefix], signal })) {
        expect(step.kind).toBe('events')
        break
      }
    }
  })
}

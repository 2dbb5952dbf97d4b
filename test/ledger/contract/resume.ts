/** Promises about continuing a subscription from a stored position: the next event, none lost, none twice. */

import { expect, test } from 'vitest'
import { BEGINNING, NO_STREAM, type Position } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import { collect, follow, idsOf, someEvents, streamOf, uniquePrefix } from './kit.ts'

export function resumePromises(subject: Subject): void {
  test('a subscription from any event goes on with the very next one, also inside one append', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    await ledger.append(streamOf(`${prefix}a`), someEvents(4), NO_STREAM)
    await ledger.append(streamOf(`${prefix}b`), someEvents(3), NO_STREAM)
    const all = await collect(ledger.readAll({ prefixes: [prefix] }))
    for (const [i, event] of all.entries()) {
      const follower = follow(ledger, { after: event.position, prefixes: [prefix] })
      await follower.until(() => follower.caughtUpAt.length > 0)
      await follower.stop()
      expect(idsOf(follower.events)).toEqual(idsOf(all.slice(i + 1)))
    }
  })

  test('a subscriber that stops and resumes again and again misses nothing and sees nothing twice', async () => {
    const ledger = subject.ledger()
    const prefix = uniquePrefix()
    const appended: string[] = []
    const seen: string[] = []
    let after: Position = BEGINNING
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < 3; n++) {
        const events = someEvents(1 + round * 3)
        await ledger.append(streamOf(`${prefix}${round}-${n}`), events, NO_STREAM)
        appended.push(...idsOf(events))
      }
      const abort = new AbortController()
      const stopAt = appended.length - 2
      const steps = ledger.subscribe({ after, prefixes: [prefix], signal: abort.signal })
      for await (const step of steps) {
        if (step.kind === 'caught-up') break
        // Takes only part of what it was handed, as a consumer that dies half way does.
        for (const event of step.events) {
          if (seen.length === stopAt) break
          seen.push(event.id)
          after = event.position
        }
        if (seen.length === stopAt) abort.abort()
      }
    }
    const rest = await collect(ledger.readAll({ after, prefixes: [prefix] }))
    expect([...seen, ...idsOf(rest)]).toEqual(appended)
  })

  test('a subscription from a position of another stream goes on behind it', async () => {
    const ledger = subject.ledger()
    const [mine, other] = [uniquePrefix(), uniquePrefix()]
    await ledger.append(streamOf(`${mine}a`), someEvents(2), NO_STREAM)
    const between = await ledger.append(streamOf(`${other}a`), someEvents(2), NO_STREAM)
    const late = someEvents(2)
    await ledger.append(streamOf(`${mine}b`), late, NO_STREAM)
    if (between.kind !== 'written') throw new Error(between.kind)
    const follower = follow(ledger, { after: between.position, prefixes: [mine] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    await follower.stop()
    expect(idsOf(follower.events)).toEqual(idsOf(late))
  })
}

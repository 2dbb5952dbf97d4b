/** Properties: random appends, repeats and reads agree with a model of plain arrays. Shrinks to the shortest history that does not. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type EventToAppend,
  type Ledger,
  NO_STREAM,
  type Position,
  type StreamName,
} from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import { collect, follow, idsOf, revisionOf, settle, someEvents, streamOf, uniquePrefix } from './kit.ts'

/** One append of a random history, in terms of the model. `expects` is the distance from the true revision. */
interface Step {
  readonly stream: number
  readonly count: number
  readonly expects: 'actual' | 'stale' | 'ahead' | 'repeat'
}

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(2),
  count: fc.integer({ min: 1, max: 5 }),
  expects: fc.oneof(
    { weight: 6, arbitrary: fc.constant('actual' as const) },
    { weight: 1, arbitrary: fc.constantFrom('stale' as const, 'ahead' as const) },
    { weight: 2, arbitrary: fc.constant('repeat' as const) },
  ),
})

interface Past {
  readonly events: readonly EventToAppend[]
  readonly expected: number
  readonly position: Position
}

/** Runs a history on the ledger and on arrays, checking every outcome; returns the ids in the order of the ledger. */
async function run(ledger: Ledger, prefix: string, steps: readonly Step[]): Promise<string[]> {
  const streams = new Map<StreamName, Past[]>()
  const order: string[] = []
  for (const { stream: n, count, expects } of steps) {
    const stream = streamOf(`${prefix}${n}`)
    const pasts = streams.get(stream) ?? []
    streams.set(stream, pasts)
    const actual = pasts.reduce((sum, past) => sum + past.events.length, 0) - 1
    const past = pasts[count % Math.max(pasts.length, 1)]
    if (expects === 'repeat') {
      if (past === undefined) continue
      const outcome = await settle(ledger, stream, past.events, revisionOf(past.expected))
      const revision = past.expected + past.events.length
      expect(outcome).toEqual({ kind: 'written', revision, position: past.position })
      continue
    }
    const expected = expects === 'actual' ? actual : expects === 'ahead' ? actual + 1 + count : actual - 1
    if (expected < NO_STREAM) continue
    const events = someEvents(count)
    const outcome = await settle(ledger, stream, events, revisionOf(expected))
    if (expects !== 'actual') {
      expect(outcome).toEqual({ kind: 'conflict', actual })
      continue
    }
    expect(outcome).toMatchObject({ kind: 'written', revision: actual + count })
    if (outcome.kind === 'written') pasts.push({ events, expected, position: outcome.position })
    order.push(...idsOf(events))
  }
  for (const [stream, pasts] of streams) {
    const ids = pasts.flatMap((past) => idsOf(past.events))
    expect(idsOf(await collect(ledger.readStream(stream)))).toEqual(ids)
    expect(idsOf(await collect(ledger.readStream(stream, { direction: 'backwards' })))).toEqual(ids.reverse())
  }
  return order
}

export function modelPromises(subject: Subject): void {
  test('any history of appends, conflicts and repeats reads as the model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const prefix = uniquePrefix()
        const order = await run(subject.ledger(), prefix, steps)
        expect(idsOf(await collect(subject.ledger().readAll({ prefixes: [prefix] })))).toEqual(order)
      }),
      { numRuns: 25 },
    )
  })

  test('a subscriber that starts anywhere in a history sees exactly the rest of it, live or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (before, during, where) => {
          const ledger = subject.ledger()
          const [past, live] = [uniquePrefix(), uniquePrefix()]
          await run(ledger, past, before)
          const all = await collect(ledger.readAll({ prefixes: [past] }))
          const start = all[Math.floor(where * (all.length - 1))]
          const after = start?.position ?? (await ledger.head())
          const follower = follow(ledger, { after, prefixes: [past, live] })
          const order = await run(ledger, live, during)
          const rest = idsOf(all.slice(start === undefined ? 0 : all.indexOf(start) + 1))
          await follower.until(() => follower.events.length >= rest.length + order.length)
          await follower.stop()
          expect(idsOf(follower.events)).toEqual([...rest, ...order])
        },
      ),
      { numRuns: 15 },
    )
  })
}

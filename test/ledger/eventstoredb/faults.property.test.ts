/** Property: whatever goes wrong on the way, appends repeated until they are answered exist once, and followers see the log. */

import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BEGINNING } from '../../../ledger/ledger.ts'
import type { AppendFault } from '../../support/eventstoredb/faults.ts'
import { follow, idsOf, revisionOf, settle, someEvents, streamOf } from '../contract/kit.ts'
import { open, simulate } from './kit.ts'

const appendFault: fc.Arbitrary<AppendFault> = fc.oneof(
  fc.record({
    kind: fc.constant('cut' as const),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  fc.record({
    kind: fc.constant('silent' as const),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  fc.record({
    kind: fc.constant('unwilling' as const),
    answer: fc.constantFrom('Server Is Busy', 'Server Is Not Ready'),
  }),
  fc.constant({ kind: 'no-position' as const }),
)

const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream: fc.nat(2),
      count: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fault' as const), fault: appendFault }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      how: fc.constantFrom('error' as const, 'clean' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'cut connections' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'end appends' as const }) },
)

test('under any faults, every append is written exactly once and a follower sees exactly the log', async () => {
  const simulator = await simulate()
  const ledger = open(simulator.url, { appendTimeoutMs: 80, backoff: { first: 5, max: 20 } })
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 20 }), async (events) => {
      const prefix = `round${round++}-`
      const follower = follow(ledger, {
        after: await ledger.head().catch(() => BEGINNING),
        prefixes: [prefix],
      })
      const ids = new Map<string, string[]>()
      for (const step of events) {
        if (step.kind === 'fault') simulator.faults.onAppend(step.fault)
        else if (step.kind === 'drop') simulator.faults.dropSubscriptions(step.how)
        else if (step.kind === 'cut connections') simulator.faults.cutConnections()
        else if (step.kind === 'end appends') simulator.faults.endAppends()
        else {
          const stream = `${prefix}${step.stream}`
          const own = ids.get(stream) ?? []
          ids.set(stream, own)
          const appended = someEvents(step.count)
          const expected = revisionOf(own.length - 1)
          own.push(...idsOf(appended))
          const outcome = await settle(ledger, streamOf(stream), appended, expected)
          expect(outcome).toMatchObject({ kind: 'written', revision: own.length - 1 })
        }
        await sleep(1)
      }
      for (const [stream, own] of ids) expect(idsOf(simulator.log.stream(stream))).toEqual(own)
      const all = simulator.log.events.filter(({ stream }) => stream.startsWith(prefix))
      await follower.until(() => follower.events.length >= all.length)
      await follower.stop()
      expect(idsOf(follower.events)).toEqual(idsOf(all))
    }),
    { numRuns: 25 },
  )
}, 60_000)

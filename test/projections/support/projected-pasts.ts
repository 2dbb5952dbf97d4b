/** Checks a promise of the read models on random pasts, projected anew each. */
import fc from 'fast-check'
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import { createMemoryLedger } from '../../support/memory-ledger.ts'
import { happenings, pastOf } from '../../support/random-past.ts'
import { createOracle, type Oracle } from './oracle.ts'
import type { World } from './world.ts'

/** The same each time, and long: what only a long past holds is in every run, whatever the dice say. */
const [LONG = []] = fc
  .sample(happenings({ max: 200 }), { numRuns: 20, seed: 1 })
  .sort((one, other) => other.length - one.length)

export const onProjectedPasts = (
  world: World,
  check: (oracle: Oracle, events: readonly RecordedEvent[], dice: number) => Promise<void>,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(happenings({ max: 200 }), fc.nat(1_000_000), async (happened, dice) => {
      const { events } = pastOf(happened)
      await world.clear()
      await world.project(createMemoryLedger(events))
      await check(createOracle(events), events, dice)
    }),
    { numRuns: 12, examples: [[LONG, 1]] },
  )

/** Promises of `close`: what is under way is finished, the rest is refused, subscriptions end. */

import { expect, test } from 'vitest'
import { NO_STREAM } from '../../../ledger/ledger.ts'
import type { Subject } from '../contract.ts'
import { anEvent, collect, follow, streamOf, uniquePrefix } from './kit.ts'

export function closePromises(subject: Subject): void {
  test('close waits for appends under way, and each of them has its answer', async () => {
    const other = await subject.another()
    const prefix = uniquePrefix()
    const appends = Array.from({ length: 50 }, (_, n) =>
      other.ledger.append(streamOf(`${prefix}${n}`), [anEvent(n)], NO_STREAM),
    )
    await other.ledger.close()
    const outcomes = await Promise.all(appends)
    const count = outcomes.filter((outcome) => outcome.kind === 'written').length
    expect(count).toBe(50)
    if (other.sameStorage) {
      expect(await collect(subject.ledger().readAll({ prefixes: [prefix] }))).toHaveLength(50)
    }
    await other.close()
  })

  test('a closed ledger refuses appends, for good', async () => {
    const other = await subject.another()
    await other.ledger.close()
    const outcome = await other.ledger.append(streamOf(`${uniquePrefix()}a`), [anEvent()], NO_STREAM)
    expect(outcome).toMatchObject({ kind: 'refused', retryable: false })
    await other.close()
  })

  test('close ends subscriptions without an error', async () => {
    const other = await subject.another()
    const follower = follow(other.ledger, { after: 'end', prefixes: [uniquePrefix()] })
    await follower.until(() => follower.caughtUpAt.length > 0)
    await other.ledger.close()
    await expect(follower.ended).resolves.toBeUndefined()
    await other.close()
  })

  test('closing twice is closing once', async () => {
    const other = await subject.another()
    await Promise.all([other.ledger.close(), other.ledger.close()])
    await other.ledger.close()
    await other.close()
  })
}

import type pg from 'pg'
import { expect, test } from 'vitest'
import { createKnownPrivacy } from '../../../api/presence/known-privacy.ts'
import type { Privacy } from '../../../domain/events.ts'
import type { UserId } from '../../../domain/ids.ts'

const [ANN, BOB] = ['ann', 'bob'] as [UserId, UserId]
const SHARED: Privacy = { lastSeen: 'shared', readReceipts: 'shared' }
const HIDDEN: Privacy = { lastSeen: 'hidden', readReceipts: 'hidden' }

/** The read models show everybody as hiding. */
const pool = {
  query: async ({ values }: { values: [UserId[]] }) => ({
    rows: values[0].map((userId) => ({ userId, ...HIDDEN })),
  }),
} as unknown as pg.Pool

test('of what was heard before something may have been missed nothing counts any more, of what was heard later everything', async () => {
  const known = createKnownPrivacy(pool)
  known.changed(ANN, SHARED)
  expect(await known.of(ANN)).toEqual(SHARED)
  const missedUntil = performance.now()
  known.changed(BOB, SHARED)
  known.forget(missedUntil)
  expect(known.current(ANN)).toBeUndefined()
  expect(known.changedLately(ANN)).toBeUndefined()
  expect(await known.of(ANN)).toEqual(HIDDEN)
  expect(await known.of(BOB)).toEqual(SHARED)
})

test('what was being read while changes were missed is good for who asked, and for nobody later', async () => {
  const known = createKnownPrivacy(pool)
  const asked = known.of(ANN)
  known.forget(performance.now())
  expect(await asked).toEqual(HIDDEN)
  expect(known.current(ANN)).toBeUndefined()
  await known.of(ANN)
  expect(known.current(ANN)).toEqual(HIDDEN)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BURST_SECONDS,
  createTokenBucket,
  createTokenBuckets,
  takeFromAll,
} from '../../../api/rate-limits/token-buckets.ts'

const NOW = 1_700_000_000_000
const alone = (perSecond: number) => {
  const bucket = createTokenBucket(perSecond)
  return (cost: number, now: number) => takeFromAll([bucket], cost, now)
}

test('a full bucket gives its burst at once, then says exactly when there is more', () => {
  const buckets = createTokenBuckets(10)
  for (let i = 0; i < 10 * BURST_SECONDS; i++) expect(buckets.take('ann', 1, NOW)).toBe(0)
  expect(buckets.take('ann', 1, NOW)).toBe(100)
  expect(buckets.take('ann', 5, NOW)).toBe(500)
  expect(buckets.take('ann', 1, NOW + 99)).toBe(1)
  expect(buckets.take('ann', 1, NOW + 100)).toBe(0)
  expect(buckets.take('ann', 1, NOW + 100)).toBe(100)
})

test('a burst is whole at whatever fraction of a millisecond it comes', () => {
  for (let now = 0.1; now < 5_000; now += 7.3) {
    const take = alone(10)
    for (let i = 0; i < 10 * BURST_SECONDS; i++) expect(take(1, now)).toBe(0)
    expect(take(1, now)).toBe(100)
  }
})

test('each name has a bucket of its own, and without a name there is no limit', () => {
  const buckets = createTokenBuckets(1)
  expect(buckets.take('ann', BURST_SECONDS, NOW)).toBe(0)
  expect(buckets.take('ann', 1, NOW)).toBeGreaterThan(0)
  expect(buckets.take('bob', BURST_SECONDS, NOW)).toBe(0)
  for (let i = 0; i < 100; i++) expect(buckets.take(undefined, 100, NOW)).toBe(0)
})

test('what costs more than a full bucket takes a full bucket', () => {
  const take = alone(1)
  expect(take(100, NOW)).toBe(0)
  expect(take(100, NOW)).toBe(BURST_SECONDS * 1000)
  expect(take(100, NOW + BURST_SECONDS * 1000)).toBe(0)
})

test('0 a second is no limit', () => {
  const [buckets, take] = [createTokenBuckets(0), alone(0)]
  for (let i = 0; i < 1000; i++) expect(buckets.take('ann', 1000, NOW) + take(1000, NOW)).toBe(0)
})

test('whatever is asked for, no more flows out in any time than the burst and what flowed in', () => {
  const asked = fc.array(fc.record({ afterMs: fc.nat(500), cost: fc.integer({ min: 1, max: 20 }) }), {
    minLength: 1,
    maxLength: 200,
  })
  fc.assert(
    fc.property(asked, fc.integer({ min: 1, max: 100 }), (asks, perSecond) => {
      const take = alone(perSecond)
      let now = NOW
      let taken = 0
      for (const { afterMs, cost } of asks) {
        now += afterMs
        const waitMs = take(cost, now)
        const counted = Math.min(cost, perSecond * BURST_SECONDS)
        if (waitMs === 0) taken += counted
        expect(taken).toBeLessThanOrEqual(perSecond * (BURST_SECONDS + (now - NOW) / 1000) + 1e-6)
        // A retry after just that time is successful.
        if (waitMs > 0) {
          now += waitMs
          expect(take(cost, now)).toBe(0)
          taken += counted
        }
      }
    }),
  )
})

test('memory is bounded: the bucket that was used longest ago is forgotten', () => {
  const buckets = createTokenBuckets(1, 100)
  for (let i = 0; i < 1000; i++) buckets.take(`${i}`, BURST_SECONDS, NOW)
  expect(buckets.take('999', 1, NOW)).toBeGreaterThan(0)
  expect(buckets.take('0', BURST_SECONDS, NOW)).toBe(0)
})

test('without a limit nobody waits, whatever clock was used before', () => {
  const buckets = createTokenBuckets(0)
  const one = createTokenBucket(0)
  for (const now of [NOW, 0]) {
    expect(buckets.take('anybody', 1e9, now)).toBe(0)
    expect(buckets.take(undefined, 1e9, now)).toBe(0)
    expect(takeFromAll([one, buckets.of('anybody')], 1e9, now)).toBe(0)
  }
})

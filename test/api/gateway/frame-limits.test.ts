/** From which buckets a frame is paid. */
import { expect, test } from 'vitest'
import { createFrameLimits } from '../../../api/gateway/frame-limits.ts'
import { createRateLimits, frameSource, REQUEST_COST } from '../../../api/rate-limits/rate-limits.ts'
import { BURST_SECONDS } from '../../../api/rate-limits/token-buckets.ts'
import type { DeviceId, UserId } from '../../../domain/ids.ts'

const ADDRESS = '203.0.113.7'
const limitsOf = (shared: ReturnType<typeof createRateLimits>, user: string, device: string, own = 0) =>
  createFrameLimits(own, shared, frameSource(user as UserId, device as DeviceId, ADDRESS))
/** Until one is refused; answers how many were not, and how long the refused one has to wait. */
function spend(limits: ReturnType<typeof limitsOf>, now: number): readonly [number, number] {
  for (let taken = 0; ; taken++) {
    const waitMs = limits.take('ping', now)
    if (waitMs > 0) return [taken, waitMs]
  }
}

test('a frame that is refused is paid from no bucket, whichever of them has not enough', () => {
  const narrow = 10
  for (const narrowest of ['rateSocket', 'rateDevice', 'ratePerson', 'rateAddress']) {
    const rates = { rateDevice: 11, ratePerson: 11, rateAddress: 11, rateConnections: 0 }
    const { rateSocket, ...shared } = { rateSocket: 11, ...rates, [narrowest]: narrow }
    const limits = limitsOf(createRateLimits(shared), 'ann', 'phone', rateSocket)
    expect(spend(limits, 0)).toEqual([narrow * BURST_SECONDS, 100])
    for (let asked = 0; asked < 100; asked++) expect(limits.take('ping', 0)).toBe(100)
    // The narrowest is full again, so the others are as well, unless what was asked in vain was taken from them.
    expect(spend(limits, BURST_SECONDS * 1000)).toEqual([narrow * BURST_SECONDS, 100])
  }
})

test('a person who is held back does not use up what another of their network has', () => {
  const rates = { rateDevice: 0, ratePerson: 5, rateAddress: 10, rateConnections: 0 }
  const shared = createRateLimits(rates)
  const ann = limitsOf(shared, 'ann', 'phone')
  expect(spend(ann, 0)[0]).toBe(5 * BURST_SECONDS)
  for (let asked = 0; asked < 100; asked++) expect(ann.take('ping', 0)).toBe(200)
  expect(spend(limitsOf(shared, 'bob', 'phone'), 0)[0]).toBe(5 * BURST_SECONDS)
})

test('frames that their network holds back leave their person what requests need', () => {
  const rates = { rateDevice: 10, ratePerson: 10, rateAddress: 1, rateConnections: 0 }
  const shared = createRateLimits(rates)
  const ann = limitsOf(shared, 'ann', 'phone', 10)
  for (let asked = 0; asked < 100; asked++) ann.take('ping', 0)
  const requests = Math.floor((10 * BURST_SECONDS - BURST_SECONDS) / REQUEST_COST)
  for (let asked = 0; asked < requests; asked++) expect(shared.request('ann' as UserId, 0)).toBe(0)
})

test('who waits as long as they were told is held back by no bucket, however often they asked in vain', () => {
  const rates = { rateDevice: 4, ratePerson: 2, rateAddress: 1, rateConnections: 0 }
  const limits = limitsOf(createRateLimits(rates), 'ann', 'phone', 3)
  let now = 0
  for (let n = 0; n < 20; n++) {
    spend(limits, now)
    for (let asked = 0; asked < 100; asked++) limits.take('ping', now)
    now += limits.take('ping', now)
    expect(limits.take('ping', now)).toBe(0)
  }
})

/** The hooks of HTTP, by a clock that is set. */
import type { FastifyRequest } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRateLimits } from '../../../api/rate-limits/rate-limits.ts'
import {
  limitConnections,
  limitNetwork,
  limitPeople,
  limitPerson,
} from '../../../api/rate-limits/request-limits.ts'
import type { UserId } from '../../../domain/ids.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

test('a clock that is set back keeps no request waiting', async () => {
  const rates = { rateDevice: 100, ratePerson: 100, rateAddress: 100, rateConnections: 100 }
  const deps = { rateLimits: createRateLimits(rates) }
  const request = { ip: '203.0.113.7', identity: { sub: 'ann' } } as unknown as FastifyRequest
  const hooks = [limitNetwork(deps), limitPerson(deps), limitConnections(deps)]
  async function ask(): Promise<void> {
    for (const hook of hooks) await hook(request)
    limitPeople(deps, 'ann' as UserId, Array(64).fill('bob'))
  }
  await ask()
  vi.setSystemTime(Date.now() - 3_600_000)
  await expect(ask()).resolves.toBeUndefined()
})

/** What becomes of the job of somebody who is found waiting, by the state it is in. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '../../../domain/ids.ts'
import type { Channel } from '../../../workers/delivery/channel.ts'
import { createDeliveryQueue, type DeliveryQueueDeps } from '../../../workers/delivery/delivery-queue.ts'
import { DEFAULT_DELIVERY } from '../../../workers/delivery/settings.ts'

const BOB = 'bob' as UserId

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Of a job that is in these states, one look after another. */
function queueOf(states: string[], isReachable: boolean) {
  const promoted = vi.fn(async () => {})
  const prioritized = vi.fn(async () => {})
  const retried = vi.fn(async () => {})
  const removed = vi.fn(async () => {})
  const delayChanged = vi.fn(async () => {})
  const job = {
    name: 'deliver',
    data: { userId: BOB },
    processedOn: Date.now(),
    finishedOn: Date.now(),
    delay: 0,
    retry: retried,
    remove: removed,
    changeDelay: delayChanged,
    failedReason: 'offline, attempt 1 of 12',
    promote: promoted,
    priority: 1,
    changePriority: prioritized,
  }
  let state = 'unknown'
  const getJobState = async () => {
    state = states.shift() ?? 'unknown'
    return state
  }
  const getJob = async () => (state === 'unknown' ? undefined : job)
  const added = vi.fn(async () => {})
  const store = { queue: () => ({ addBulk: added, getJob, getJobState }) }
  const channel = { reachable: async () => (isReachable ? [BOB] : []) } as unknown as Channel
  const deps = { store, channels: [channel], settings: DEFAULT_DELIVERY } as unknown as DeliveryQueueDeps
  const queue = createDeliveryQueue(deps)
  return { queue, job, promoted, prioritized, added, retried, removed, delayChanged }
}

const { restMs, backoff } = DEFAULT_DELIVERY

test('a message that finds the job of somebody who can be reached running is tried when that try has reached nobody', async () => {
  const { queue, promoted } = queueOf(['active', 'active', 'delayed'], true)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  await vi.advanceTimersByTimeAsync(1_500)
  expect(promoted).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1_500)
  expect(promoted).toHaveBeenCalledOnce()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(promoted).toHaveBeenCalledOnce()
})

test('… and if that try was the last one, by a job of its own, once', async () => {
  const { queue, added } = queueOf(['active'], true)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  expect(added).toHaveBeenCalledOnce()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(added).toHaveBeenCalledTimes(2)
})

test('of somebody who cannot be reached it is left to its pause', async () => {
  const { queue, promoted } = queueOf(['active', 'delayed'], false)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(promoted).not.toHaveBeenCalled()
})

test('a job of somebody who never connected comes after all others for as long as they have not', async () => {
  const changes = async (hasConnected: boolean, isReachable: boolean) => {
    const { queue, prioritized } = queueOf(['delayed'], isReachable)
    await queue.wanted([{ userId: BOB, hasConnected }])
    return prioritized.mock.calls
  }
  expect(await changes(false, false)).toEqual([])
  expect(await changes(true, false)).toEqual([[{ priority: 0 }]])
  expect(await changes(false, true)).toEqual([[{ priority: 0 }]])
})

test('a message that finds its person given up is tried when their rest is over, and at once where it is', async () => {
  const { queue, added, retried, removed } = queueOf(['failed', 'failed', 'failed'], true)
  const gaveUpAt = Date.now()
  vi.advanceTimersByTime(1_000)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  expect(removed).toHaveBeenCalledOnce()
  expect(added).toHaveBeenLastCalledWith([
    {
      name: 'deliver',
      data: { userId: BOB, gaveUpAt },
      opts: expect.objectContaining({ delay: restMs - 1_000 }),
    },
  ])
  expect(retried).not.toHaveBeenCalled()
  vi.advanceTimersByTime(restMs)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  expect(retried).toHaveBeenCalledOnce()
  expect(removed).toHaveBeenCalledOnce()
})

test('… and so is one that only the reconciler finds, where its person can be reached', async () => {
  const found = async (isReachable: boolean) => {
    const { queue, removed } = queueOf(['failed', 'failed'], isReachable)
    await queue.ensured([{ userId: BOB, hasConnected: true }])
    return removed.mock.calls.length
  }
  expect(await found(true)).toBe(1)
  expect(await found(false)).toBe(0)
})

test('a job that rests begins no sooner for a further message, but rests no longer than who can be reached does', async () => {
  const { queue, job, promoted, delayChanged } = queueOf(['delayed', 'delayed'], true)
  Object.assign(job, { processedOn: undefined, delay: backoff.capMs })
  Object.assign(job.data, { gaveUpAt: Date.now() })
  vi.advanceTimersByTime(1_000)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  expect(promoted).not.toHaveBeenCalled()
  expect(delayChanged).toHaveBeenCalledExactlyOnceWith(restMs - 1_000)
  vi.advanceTimersByTime(restMs)
  await queue.wanted([{ userId: BOB, hasConnected: true }])
  expect(promoted).toHaveBeenCalledOnce()
})

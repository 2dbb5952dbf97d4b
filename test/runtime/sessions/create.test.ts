/** What a directory makes of a store that stood still: it is asked again before anybody is taken for dead. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { UserId } from '../../../domain/ids.ts'
import { createMemoryBus } from '../../../runtime/bus/memory.ts'
import { createLogger } from '../../../runtime/logging.ts'
import { createSessionDirectory } from '../../../runtime/sessions/create.ts'
import type { SessionStore } from '../../../runtime/sessions/store.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('a peer is dead once it has not written for a heartbeat after the store had forgotten this node, and not before', async () => {
  const state = { known: true, live: ['a', 'b'] }
  const store: SessionStore = {
    node: () => ({
      beat: async () => (state.known ? 'known' : 'forgotten'),
      write: async () => {},
      withdraw: async () => {},
    }),
    liveNodes: async () => state.live,
    find: async () => [{ node: 'b', userId: 'bob' as UserId }],
    close: async () => {},
  }
  const log = createLogger({ level: 'silent', process: 'test' })
  const timing = { heartbeatMs: 1_000, deadAfterMs: 5_000 }
  const directory = await createSessionDirectory({
    store,
    bus: createMemoryBus({ log }),
    log,
    node: 'a',
    timing,
  })
  const died: string[] = []
  directory.onFoundAgain(() => died.push('b'))
  const whereIsBob = () => directory.nodesOf(['bob' as UserId])

  // Both are gone from the store, and this node is the first to write again.
  Object.assign(state, { known: false, live: ['a'] })
  await vi.advanceTimersByTimeAsync(timing.heartbeatMs)
  expect([directory.peers(), died]).toEqual([['b'], []])
  await expect(whereIsBob()).rejects.toThrow('may not have all sessions')

  Object.assign(state, { known: true, live: ['a', 'b'] })
  await vi.advanceTimersByTimeAsync(timing.heartbeatMs)
  expect(directory.peers()).toEqual(['b'])
  expect(await whereIsBob()).toEqual(new Map([['b', ['bob']]]))

  state.live = ['a']
  await vi.advanceTimersByTimeAsync(timing.heartbeatMs)
  expect(directory.peers()).toEqual([])
  await directory.close()
})

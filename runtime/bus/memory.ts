/** The bus within one process, for a node without peers and for tests. Reaches no other process. */
import type { Logger } from '../logging.ts'
import type { Bus } from './bus.ts'
import { createSubscriptions, refuseOversized, type Subscriptions } from './subscriptions.ts'

/** As much as Redis would carry in a reasonable message; keeps callers honest about doorbells. */
const MAX_PAYLOAD = 1024 * 1024

/** What the buses of one process share, if they are to hear each other. */
export type MemoryHub = Set<Subscriptions>
export const createMemoryHub = (): MemoryHub => new Set()

export function createMemoryBus({ log, hub = createMemoryHub() }: { log: Logger; hub?: MemoryHub }): Bus {
  const subscriptions = createSubscriptions(log)
  hub.add(subscriptions)
  let closed = false
  return {
    kind: 'memory',
    maxPayload: MAX_PAYLOAD,
    isWhole: true,
    publish(channel, payload) {
      refuseOversized(payload, MAX_PAYLOAD)
      if (closed) return
      // Later, as on the other buses: a publisher must never run a subscriber's code inside its own.
      queueMicrotask(() => {
        for (const listening of hub) listening.deliver(channel, payload)
      })
    },
    async subscribe(channel, handler) {
      if (closed) throw new Error('the bus is closed')
      const remove = subscriptions.add(channel, handler)
      return async () => void remove()
    },
    onGap: subscriptions.onGap,
    async close() {
      closed = true
      // Microtasks of earlier publishes run before this one.
      await Promise.resolve()
      hub.delete(subscriptions)
      subscriptions.clear()
    },
  }
}

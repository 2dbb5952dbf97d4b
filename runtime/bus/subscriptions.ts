/** Who listens to what within this process. Knows no connection. */
import type { Logger } from '../logging.ts'
import type { BusHandler } from './bus.ts'

export interface Subscriptions {
  /** Returns the function that takes the handler away; it answers whether the channel has no handler left. */
  add(channel: string, handler: BusHandler): () => boolean
  has(channel: string): boolean
  channels(): readonly string[]
  deliver(channel: string, payload: string): void
  onGap(handler: () => void): () => void
  gap(): void
  clear(): void
}

export function createSubscriptions(log: Pick<Logger, 'error'>): Subscriptions {
  // Entries are objects, so that the same function can be subscribed twice.
  const byChannel = new Map<string, Set<{ readonly handler: BusHandler }>>()
  const gapHandlers = new Set<{ readonly handler: () => void }>()

  const guarded = (run: () => void, about: object): void => {
    try {
      run()
    } catch (error) {
      log.error({ err: error, ...about }, 'a handler of the bus failed')
    }
  }

  return {
    add(channel, handler) {
      const entry = { handler }
      const entries = byChannel.get(channel) ?? new Set()
      byChannel.set(channel, entries.add(entry))
      return () => {
        if (!entries.delete(entry) || entries.size > 0) return false
        // A later subscription may have made a new set under this name.
        return byChannel.get(channel) === entries && byChannel.delete(channel)
      }
    },
    has: (channel) => byChannel.has(channel),
    channels: () => [...byChannel.keys()],
    deliver(channel, payload) {
      for (const { handler } of [...(byChannel.get(channel) ?? [])])
        guarded(() => handler(payload), { channel })
    },
    onGap(handler) {
      const entry = { handler }
      gapHandlers.add(entry)
      return () => void gapHandlers.delete(entry)
    },
    gap() {
      for (const { handler } of [...gapHandlers]) guarded(handler, {})
    },
    clear() {
      byChannel.clear()
      gapHandlers.clear()
    },
  }
}

export function refuseOversized(payload: string, maxPayload: number): void {
  // A UTF-16 unit is at most 3 bytes of UTF-8: short payloads need no counting.
  if (payload.length * 3 <= maxPayload) return
  const bytes = Buffer.byteLength(payload)
  if (bytes > maxPayload)
    throw new RangeError(`a payload of ${bytes} bytes is over the ${maxPayload} of this bus`)
}

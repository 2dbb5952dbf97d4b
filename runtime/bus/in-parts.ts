/** Many small things, in messages for which the bus has room. */
import type { Bus } from './bus.ts'

/** Halves them until they fit: what one of them takes depends on ids and numbers. @throws RangeError for one that does not fit by itself. */
export function publishInParts<T>(
  bus: Pick<Bus, 'maxPayload' | 'publish'>,
  channel: string,
  items: readonly T[],
  payloadOf: (part: readonly T[]) => string,
): void {
  const payload = payloadOf(items)
  if (items.length <= 1 || Buffer.byteLength(payload) <= bus.maxPayload) return bus.publish(channel, payload)
  const half = Math.ceil(items.length / 2)
  publishInParts(bus, channel, items.slice(0, half), payloadOf)
  publishInParts(bus, channel, items.slice(half), payloadOf)
}

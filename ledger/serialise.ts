/** From events to what a storage writes, once, with the limits of one append checked on the way. */
import { type EventToAppend, MAX_APPEND_BYTES, MAX_APPEND_EVENTS } from './ledger.ts'

export interface SerialisedEvent {
  readonly id: string
  readonly type: string
  /** JSON. */
  readonly data: string
  /** JSON. */
  readonly metadata: string
}

/** @throws RangeError on no events or over the limits: a bug of the caller, not an outcome. */
export function serialise(events: readonly EventToAppend[]): SerialisedEvent[] {
  if (events.length === 0) throw new RangeError('an append needs at least one event')
  if (events.length > MAX_APPEND_EVENTS) {
    throw new RangeError(`an append has at most ${MAX_APPEND_EVENTS} events, not ${events.length}`)
  }
  let bytes = 0
  const serialised = events.map(({ id, type, data, metadata }) => {
    const event = { id, type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) }
    bytes += Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata)
    return event
  })
  if (bytes > MAX_APPEND_BYTES) {
    throw new RangeError(`an append has at most ${MAX_APPEND_BYTES} bytes, not ${bytes}`)
  }
  return serialised
}

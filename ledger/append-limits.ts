/** The limits of one append, which every implementation checks before it writes. */
import { type EventToAppend, MAX_APPEND_BYTES, MAX_APPEND_EVENTS } from './ledger.ts'

/** @throws RangeError on no events or over the limits: a bug of the caller, not an outcome. */
export function checkLimits(events: readonly EventToAppend[]): void {
  if (events.length === 0) throw new RangeError('an append needs at least one event')
  if (events.length > MAX_APPEND_EVENTS) {
    throw new RangeError(`an append has at most ${MAX_APPEND_EVENTS} events, not ${events.length}`)
  }
  let units = 0
  for (const { data, metadata } of events) units += data.length + metadata.length
  // A UTF-16 unit is at most three bytes of UTF-8: most appends need no counting.
  if (units * 3 <= MAX_APPEND_BYTES) return
  let bytes = 0
  for (const { data, metadata } of events) bytes += Buffer.byteLength(data) + Buffer.byteLength(metadata)
  if (bytes > MAX_APPEND_BYTES) {
    throw new RangeError(`an append has at most ${MAX_APPEND_BYTES} bytes, not ${bytes}`)
  }
}

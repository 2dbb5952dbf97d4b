/**
 * Ids of events: UUIDv5 (RFC 9562) of stream, decision (`encode.ts`) and place in it. The same append repeated has the same ids,
 * and no two streams share one. Equal to the `uuid` package's, in a third of its time (three ids a message); a test holds
 * the two together.
 */
import { hash } from 'node:crypto'
import type { StreamName } from '../ledger.ts'

/** Any constant would do, this one was drawn once. */
export const EVENT_ID_NAMESPACE = '6f1c2b0e-5d0a-4c3e-9b57-2f6d8a41c7e3'

const NAMESPACE_BYTES = Buffer.from(EVENT_ID_NAMESPACE.replaceAll('-', ''), 'hex')
const NAMESPACE_LENGTH = NAMESPACE_BYTES.length

/** Namespace and name, over and over; a name that does not fit gets a buffer of its own. */
const scratch = Buffer.alloc(1024)
NAMESPACE_BYTES.copy(scratch)

export const eventName = (stream: StreamName, decision: string, index: number): string =>
  `${stream}\n${decision}\n${index}`

export function eventId(stream: StreamName, decision: string, index: number): string {
  const name = eventName(stream, decision, index)
  const hex = hash('sha1', withNamespace(name))
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function withNamespace(name: string): Buffer {
  // At most three bytes of UTF-8 for one UTF-16 unit.
  if (name.length * 3 > scratch.length - NAMESPACE_LENGTH) {
    return Buffer.concat([NAMESPACE_BYTES, Buffer.from(name)])
  }
  return scratch.subarray(0, NAMESPACE_LENGTH + scratch.write(name, NAMESPACE_LENGTH))
}

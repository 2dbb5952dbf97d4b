/**
 * Each stream is a hash chain: `hash = SHA-256(prevHash ‖ canonical(event))`, hex in the metadata, from the first event on.
 * Canonical JSON is RFC 8785. A message's body stands in it only as `bodyHash`, so erasing the body leaves the chain whole.
 */
import { hash as digest } from 'node:crypto'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { EventToAppend, Metadata, Revision, StreamName } from './ledger.ts'

/** What comes before the first event of every stream. */
export const GENESIS_HASH = '0'.repeat(64)

interface ChainedEvent {
  readonly stream: StreamName
  readonly revision: Revision
  readonly id: string
  readonly type: string
  readonly data: unknown
  /** With `prevHash`; a `hash` in it is left out. */
  readonly metadata: Metadata
}

export function hashOf(event: ChainedEvent): string {
  const { stream, revision, id, type } = event
  const data = without('body', event.data as Record<string, unknown>)
  const metadata = without('hash', event.metadata)
  const canonical = canonicalJson({ data, id, metadata, revision, stream, type })
  return digest('sha256', (event.metadata.prevHash ?? '') + canonical)
}

function without<Fields extends Readonly<Record<string, unknown>>>(name: string, fields: Fields) {
  if (!(name in fields)) return fields
  const { [name]: _left, ...rest } = fields
  return rest
}

/** The event as it is appended: with its place in the chain. */
export function chain(
  stream: StreamName,
  revision: Revision,
  prevHash: string,
  event: EventToAppend,
): { readonly event: EventToAppend; readonly hash: string } {
  const metadata = { ...event.metadata, prevHash }
  const hash = hashOf({ ...event, stream, revision, metadata })
  return { event: { ...event, metadata: { ...metadata, hash } }, hash }
}

/**
 * Each stream is a hash chain: `hash = SHA-256(prevHash ‖ canonical(event))`, hex in the metadata, from the first event on.
 * Canonical JSON is RFC 8785. A message's body stands in it only as `bodyHash`, so erasing the body leaves the chain whole.
 */
import { hash as digest } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
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
  const { hash: _hash, ...metadata } = event.metadata
  const { body: _body, ...data } = event.data as Record<string, unknown>
  const canonical = canonicalJson({ data, id, metadata, revision, stream, type })
  return digest('sha256', (event.metadata.prevHash ?? '') + canonical)
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

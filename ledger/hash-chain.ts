/**
 * Each stream is a hash chain: `hash = SHA-256(prevHash ‖ canonical(event))`, hex in the metadata, from the first event on.
 * Canonical JSON is RFC 8785. A message's body stands in it only as `bodyHash`, so erasing the body leaves the chain whole.
 */
import { hash as digest } from 'node:crypto'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { EncodedEvent } from './codec/encode.ts'
import type { EventToAppend, RecordedEvent, Revision, StreamName } from './ledger.ts'

/** What comes before the first event of every stream. */
export const GENESIS_HASH = '0'.repeat(64)

/** The `hash` that a recorded event has to have, whatever it says itself. */
export function hashOf(event: Omit<RecordedEvent, 'position'>): string {
  const { stream, revision, id, type } = event
  const data = canonicalJson(without('body', event.data as Record<string, unknown>))
  const metadata = canonicalJson(without('hash', event.metadata))
  return linkOf(event.metadata.prevHash ?? '', { stream, revision, id, type, data, metadata })
}

/** The event as it is appended: with its place in the chain. */
export function chain(
  stream: StreamName,
  revision: Revision,
  prevHash: string,
  { id, type, data, body, metadata: [beforeHash, beforePrevHash, rest] }: EncodedEvent,
): { readonly event: EventToAppend; readonly hash: string } {
  const end = `${beforePrevHash}${prevHash}${rest}`
  const hash = linkOf(prevHash, { stream, revision, id, type, data, metadata: beforeHash + end })
  const event = {
    id,
    type,
    data: body === undefined ? data : `{"body":"${body}",${data.slice(1)}`,
    metadata: `${beforeHash},"hash":"${hash}"${end}`,
  }
  return { event, hash }
}

interface Link extends Pick<RecordedEvent, 'stream' | 'revision' | 'id' | 'type'> {
  /** Canonical JSON, without a body. */
  readonly data: string
  /** Canonical JSON, without a hash. */
  readonly metadata: string
}

/** Of the canonical JSON of the whole, put together from that of its parts: 2 µs less an event than making it at once. */
const linkOf = (prevHash: string, { data, id, metadata, revision, stream, type }: Link): string =>
  digest(
    'sha256',
    `${prevHash}{"data":${data},"id":${JSON.stringify(id)},"metadata":${metadata},"revision":${revision},"stream":${JSON.stringify(stream)},"type":${JSON.stringify(type)}}`,
  )

function without<Fields extends Readonly<Record<string, unknown>>>(name: string, fields: Fields) {
  if (!(name in fields)) return fields
  const { [name]: _left, ...rest } = fields
  return rest
}

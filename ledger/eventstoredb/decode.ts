/**
 * From the client's events to `RecordedEvent`. Owns the meaning of a position here; never looks into data.
 *
 * Position = commit position of the event. Facts (KurrentDB, source at 26.2 and oss-v23.10.8):
 * - `StorageWriterService.HandleAsync(WritePrepares)`: an append is written as one prepare record per event, each flagged
 *   `IsCommitted`, each with a log position of its own; only explicit transactions of the TCP protocol, and records of
 *   servers before version 4, have a separate commit record.
 * - `AllReader.cs`: for such a record, $all gives commit = prepare = the record's own log position. So events of one append
 *   have different, growing positions, and one number orders the whole ledger.
 * - `ResolvedEvent.CalculatePosition`: reads of a stream give the same pair, since server 22.10.
 */

import type { RecordedEvent as ClientEvent, ResolvedEvent } from '@eventstore/db-client'
import type { Metadata, Position, RecordedEvent, Revision, StreamName } from '../ledger.ts'

/** What a server says in place of a position that it does not know: -1 as an unsigned number. */
const UNKNOWN = 2n ** 64n - 1n

/** An event that has no place in one order of all events. Carries where it stands, as far as that is known. */
export class UnplaceableEventError extends Error {
  override readonly name = 'UnplaceableEventError'
  readonly stream: string
  readonly revision: bigint
  readonly commit: bigint | undefined
  readonly prepare: bigint | undefined

  constructor({ streamId, revision, position }: ClientEvent) {
    const why =
      position === undefined || position.commit === UNKNOWN
        ? 'the server gives it no position (older than 22.10?)'
        : `its commit position ${position.commit} is not its prepare position ${position.prepare}: it was written in an explicit transaction`
    super(`event ${revision} of ${streamId} cannot be placed: ${why}`)
    this.stream = streamId
    this.revision = revision
    this.commit = position?.commit
    this.prepare = position?.prepare
  }
}

export const isSystemStream = (stream: string): boolean => stream.startsWith('$')

/** @throws UnplaceableEventError */
export function positionOf(event: ClientEvent): Position {
  const { position } = event
  if (position === undefined || position.commit !== position.prepare || position.commit === UNKNOWN) {
    throw new UnplaceableEventError(event)
  }
  return position.commit as Position
}

/**
 * `undefined` for what is no event of ours: system streams, and links whose target is gone.
 * Data that is no JSON comes as the string or the bytes that the client gives for it; the codec above refuses those.
 * @throws UnplaceableEventError
 */
export function decode({ event }: ResolvedEvent): RecordedEvent | undefined {
  if (event === undefined || isSystemStream(event.streamId)) return undefined
  return {
    stream: event.streamId as StreamName,
    revision: Number(event.revision) as Revision,
    position: positionOf(event as ClientEvent),
    id: event.id,
    type: event.type,
    data: event.data,
    metadata: metadataOf(event.metadata),
  }
}

/** Metadata that are not a flat map of strings were not written by us: what does not fit is left out, and the codec objects. */
function metadataOf(raw: unknown): Metadata {
  if (typeof raw !== 'object' || raw === null || raw instanceof Uint8Array) return {}
  const strings = Object.entries(raw).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(strings)
}

/** Log and outcomes as the messages of the wire, in the classes that the client package ships. Knows no calls. */

import shared from '@eventstore/db-client/generated/shared_pb.js'
import statuses from '@eventstore/db-client/generated/status_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { type Metadata, Metadata as MetadataOf, type ServerErrorResponse, status } from '@grpc/grpc-js'
import type { Endpoint } from './faults.ts'
import type { Expected, Proposed, Recorded } from './log.ts'

const { ReadResp, BatchAppendResp } = streams
const TICKS_PER_MILLISECOND = 10_000n

export const streamIdentifier = (name: string) => {
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from(name))
  return identifier
}

export const nameOf = (identifier: { getStreamName_asU8(): Uint8Array } | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString()

export const uuidOf = (id: string) => {
  const uuid = new shared.UUID()
  uuid.setString(id)
  return uuid
}

interface WireProposed {
  getId(): { getString(): string } | undefined
  getMetadataMap(): { get(key: string): string | undefined }
  getData_asU8(): Uint8Array
  getCustomMetadata_asU8(): Uint8Array
}

/** The server knows ids as GUIDs and writes them in lower case. */
export const proposedOf = (message: WireProposed): Proposed => ({
  id: (message.getId()?.getString() ?? '').toLowerCase(),
  type: message.getMetadataMap().get('type') ?? '',
  contentType: message.getMetadataMap().get('content-type') ?? 'application/octet-stream',
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
})

// Serialised once per event, however many readers it goes to.
const wire = new WeakMap<Recorded, Buffer>()

export function eventMessage(recorded: Recorded): Buffer {
  const known = wire.get(recorded)
  if (known !== undefined) return known
  const position = String(recorded.position)
  const event = new ReadResp.ReadEvent.RecordedEvent()
  event.setId(uuidOf(recorded.id))
  event.setStreamIdentifier(streamIdentifier(recorded.stream))
  event.setStreamRevision(String(recorded.revision))
  event.setCommitPosition(position)
  event.setPreparePosition(position)
  event.setData(recorded.data)
  event.setCustomMetadata(recorded.metadata)
  const metadata = event.getMetadataMap()
  metadata.set('type', recorded.type)
  metadata.set('content-type', recorded.contentType)
  metadata.set('created', String(BigInt(recorded.created) * TICKS_PER_MILLISECOND))
  const read = new ReadResp.ReadEvent()
  read.setEvent(event)
  read.setCommitPosition(position)
  const response = new ReadResp()
  response.setEvent(read)
  const bytes = Buffer.from(response.serializeBinary())
  wire.set(recorded, bytes)
  return bytes
}

export function confirmationMessage(subscriptionId: string): Buffer {
  const confirmation = new ReadResp.SubscriptionConfirmation()
  confirmation.setSubscriptionId(subscriptionId)
  const response = new ReadResp()
  response.setConfirmation(confirmation)
  return Buffer.from(response.serializeBinary())
}

export function checkpointMessage(position: number): Buffer {
  const checkpoint = new ReadResp.Checkpoint()
  checkpoint.setCommitPosition(String(position))
  checkpoint.setPreparePosition(String(position))
  const response = new ReadResp()
  response.setCheckpoint(checkpoint)
  return Buffer.from(response.serializeBinary())
}

export function caughtUpMessage(): Buffer {
  const response = new ReadResp()
  response.setCaughtUp(new ReadResp.CaughtUp())
  return Buffer.from(response.serializeBinary())
}

export function streamNotFoundMessage(stream: string): Buffer {
  const notFound = new ReadResp.StreamNotFound()
  notFound.setStreamIdentifier(streamIdentifier(stream))
  const response = new ReadResp()
  response.setStreamNotFound(notFound)
  return Buffer.from(response.serializeBinary())
}

/** A `google.rpc.Status` whose details are a message of the given type, `Empty` unless one is given. */
function statusMessage(
  message: string,
  typeName = 'google.protobuf.Empty',
  details: Uint8Array = new Uint8Array(),
) {
  // An empty `details` field (number 3): the class `Any` is in no package that we depend on.
  const failed = statuses.Status.deserializeBinary(Uint8Array.of(0x1a, 0))
  failed.setMessage(message)
  failed.getDetails()?.pack(details, typeName)
  return failed
}

export const plainStatus = (message: string) => statusMessage(message)

/** A status of the event store's own, named as its details are. */
export const namedStatus = (name: 'Timeout' | 'Unknown' | 'AccessDenied' | 'StreamDeleted' | 'BadRequest') =>
  statusMessage(name, `event_store.client.${name}`)

export function tooLargeStatus(maximum: number) {
  const details = new shared.MaximumAppendSizeExceeded()
  details.setMaxappendsize(maximum)
  const name = 'MaximumAppendSizeExceeded'
  return statusMessage(name, `event_store.client.${name}`, details.serializeBinary())
}

export function wrongVersionStatus(expected: Expected, actual: number) {
  const details = new shared.WrongExpectedVersion()
  if (actual < 0) details.setCurrentNoStream(new shared.Empty())
  else details.setCurrentStreamRevision(String(actual))
  if (expected === 'any') details.setExpectedAny(new shared.Empty())
  else if (expected === 'stream-exists') details.setExpectedStreamExists(new shared.Empty())
  else if (expected < 0) details.setExpectedNoStream(new shared.Empty())
  else details.setExpectedStreamPosition(String(expected))
  const name = 'WrongExpectedVersion'
  return statusMessage(name, `event_store.client.${name}`, details.serializeBinary())
}

export function batchSuccess(revision: number, position: number | undefined) {
  const success = new BatchAppendResp.Success()
  success.setCurrentRevision(String(revision))
  if (position === undefined) success.setNoPosition(new shared.Empty())
  else {
    const all = new shared.AllStreamPosition()
    all.setCommitPosition(String(position))
    all.setPreparePosition(String(position))
    success.setPosition(all)
  }
  return success
}

/** A failed call, with the trailers by which the client recognises it. */
export function callError(
  code: status,
  details: string,
  trailers: Record<string, string> = {},
): ServerErrorResponse {
  const metadata: Metadata = new MetadataOf()
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value)
  return Object.assign(new Error(details), { code, details, metadata })
}

export const notLeader = ({ host, port }: Endpoint) =>
  callError(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': String(port),
  })

export const streamDeleted = (stream: string) =>
  callError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })

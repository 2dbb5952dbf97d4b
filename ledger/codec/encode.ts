/** From a domain event to what is appended: the flat data of its newest schema version, and the envelope. */
import { v5 as uuidv5 } from 'uuid'
import type { SealedBody } from '../../domain/body.ts'
import type { DomainEvent } from '../../domain/events.ts'
import type { DeviceId, Millis, UserId } from '../../domain/ids.ts'
import type { EventToAppend, StreamName } from '../ledger.ts'
import { EVENT_SCHEMAS } from './schemas.ts'

/** Who asked for what, through which node. Goes into the metadata of every event that came of it. */
export interface Envelope {
  /** The same for a repeated command, so that its events have the same ids. */
  readonly commandId: string
  readonly actorId: UserId | 'system'
  readonly actorKind: 'user' | 'system' | 'support'
  readonly deviceId?: DeviceId
  /** The client's clock, informative. */
  readonly occurredAt?: Millis
  /** Binds together what one request caused; the command's own id unless the caller has a better one. */
  readonly correlationId?: string
}

/** Namespace of event ids: any constant would do, this one was drawn once. */
const EVENT_ID_NAMESPACE = '6f1c2b0e-5d0a-4c3e-9b57-2f6d8a41c7e3'

/** `index` is the event's place among those of its command. The id differs between streams (design, section 4, trap 2). */
export function encode(
  event: DomainEvent<SealedBody>,
  stream: StreamName,
  envelope: Envelope,
  index: number,
  node: string,
): EventToAppend {
  const { commandId, actorId, actorKind, deviceId, occurredAt, correlationId } = envelope
  return {
    id: uuidv5(`${stream}\n${commandId}\n${index}`, EVENT_ID_NAMESPACE),
    type: event.type,
    data: dataOf(event),
    metadata: {
      schemaVersion: String(EVENT_SCHEMAS[event.type].version),
      $correlationId: correlationId ?? commandId,
      $causationId: commandId,
      commandId,
      actorId,
      actorKind,
      ...(deviceId === undefined ? {} : { deviceId }),
      node,
      ...(occurredAt === undefined ? {} : { occurredAt: String(occurredAt) }),
      recordedAt: String(event.at),
    },
  }
}

function dataOf(event: DomainEvent<SealedBody>): object {
  const { type, at, ...data } = event
  if (type !== 'MessageSent') return data
  const { body, ...rest } = data as typeof data & { readonly body: SealedBody }
  return { ...rest, bodyHash: body.hash, ...(body.bytes === undefined ? {} : { body: body.bytes }) }
}

/** From a domain event to what is appended: the flat data of its newest schema version, and the envelope. */
import type { SealedBody } from '../../domain/body.ts'
import type { LedgerEvent } from '../../domain/events.ts'
import type { DeviceId, Millis, UserId } from '../../domain/ids.ts'
import type { EventToAppend, StreamName } from '../ledger.ts'
import { eventId } from './event-id.ts'
import { EVENT_SCHEMAS } from './schemas.ts'

/** Who asked for what, through which node. Goes into the metadata of every event that came of it. */
export interface Envelope {
  /** The same for a repeated command. */
  readonly commandId: string
  readonly actorId: UserId | 'system'
  readonly actorKind: 'user' | 'system' | 'support'
  readonly deviceId?: DeviceId
  /** The client's clock, informative. */
  readonly occurredAt?: Millis
  /** Binds together what one request caused; the command's own id unless the caller has a better one. */
  readonly correlationId?: string
}

/**
 * `index` is the event's place among those of its command. The id differs between streams (design, section 4, trap 2), and
 * between decisions: two nodes that decide the same command do not write the same event (time, sealing), and with the same
 * id the ledger would tell the slower one that its own had been written.
 */
export function encode(
  event: LedgerEvent<SealedBody>,
  stream: StreamName,
  envelope: Envelope,
  index: number,
  node: string,
): EventToAppend {
  const { commandId, actorId, actorKind, deviceId, occurredAt, correlationId } = envelope
  const sealing = event.type === 'MessageSent' ? event.body.hash : ''
  return {
    id: eventId(stream, `${commandId}\n${node}\n${event.at}\n${sealing}`, index),
    type: event.type,
    data: dataOf(event),
    // In canonical order, as the deciders make the data of the frequent events: the hash chain is quicker then.
    metadata: {
      $causationId: commandId,
      $correlationId: correlationId ?? commandId,
      actorId,
      actorKind,
      commandId,
      ...(deviceId === undefined ? {} : { deviceId }),
      node,
      ...(occurredAt === undefined ? {} : { occurredAt: String(occurredAt) }),
      prevHash: '',
      recordedAt: String(event.at),
      schemaVersion: String(EVENT_SCHEMAS[event.type].version),
    },
  }
}

function dataOf(event: LedgerEvent<SealedBody>): object {
  const { type, at, ...data } = event
  if (type !== 'MessageSent') return data
  const { body, ...rest } = data as typeof data & { readonly body: SealedBody }
  return { ...(body.bytes === undefined ? {} : { body: body.bytes }), bodyHash: body.hash, ...rest }
}

/**
 * From a domain event to JSON: the flat data of its newest schema version, and the envelope. Everything is written once, in
 * canonical order, so that the hash chain and the storage share the same text.
 */

import type { SealedBody } from '../../domain/body.ts'
import { canonicalJson } from '../../domain/canonical-json.ts'
import type { LedgerEvent, MessageDelivered, MessageRead, MessageSent } from '../../domain/events.ts'
import type { DeviceId, Millis, UserId } from '../../domain/ids.ts'
import type { StreamName } from '../ledger.ts'
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

/** An event that has no place in its stream yet: all of its JSON but the hashes, which `hash-chain.ts` puts in. */
export interface EncodedEvent {
  readonly id: string
  readonly type: LedgerEvent['type']
  /** Canonical JSON of the data, without the body of a message. */
  readonly data: string
  /** The sealed body of a message, base64. It is stored with the data, and covered by its hash in there. */
  readonly body: string | undefined
  /** Canonical JSON of the metadata, cut at the place of `hash` and at the value of `prevHash`. */
  readonly metadata: readonly [beforeHash: string, beforePrevHash: string, rest: string]
}

/** What of an event is stored as it is: a message's body goes beside it, sealed. */
type Encodable = LedgerEvent<unknown>

/**
 * `sealed` is the body of a `MessageSent`, and of nothing else.
 *
 * `index` is the event's place among those of its command. The id differs between streams (design, section 4, trap 2), and
 * between decisions: two nodes that decide the same command do not write the same event (time, sealing), and with the same
 * id the ledger would tell the slower one that its own had been written.
 */
export function encode(
  event: Encodable,
  stream: StreamName,
  envelope: Envelope,
  index: number,
  node: string,
  sealed?: SealedBody,
): EncodedEvent {
  const { type, at } = event
  return {
    id: eventId(stream, `${envelope.commandId}\n${node}\n${at}\n${sealed?.hash ?? ''}`, index),
    type,
    data: canonicalJson(dataOf(event, sealed)),
    body: sealed?.bytes,
    metadata: metadataOf(envelope, node, at, EVENT_SCHEMAS[type].version),
  }
}

function dataOf(event: Encodable, sealed: SealedBody | undefined): object {
  switch (event.type) {
    case 'MessageSent':
      return dataOfMessage(event, sealed)
    case 'MessageDelivered':
    case 'MessageRead':
      return dataOfReceipt(event)
    default: {
      const { type: _type, at: _at, ...data } = event
      return data
    }
  }
}

/** The most frequent events are written field by field, in order: nothing is sorted, and no rest is copied. */
function dataOfMessage(event: MessageSent<unknown>, sealed: SealedBody | undefined): object {
  if (sealed === undefined) throw new TypeError('a message is stored with its sealed body')
  const { clientAt, conversationId, deviceId, messageId, nonce, senderId, seq, temporary } = event
  const data = { bodyHash: sealed.hash, clientAt, conversationId, deviceId, messageId, nonce, senderId, seq }
  return temporary === undefined ? data : { ...data, temporary }
}

type Receipt = MessageDelivered | MessageRead

const dataOfReceipt = ({
  conversationId,
  deviceId,
  fromSeq,
  toSeq,
  userId,
}: Receipt): Required<Omit<Receipt, 'type' | 'at'>> => ({ conversationId, deviceId, fromSeq, toSeq, userId })

function metadataOf(
  { commandId, actorId, actorKind, deviceId, occurredAt, correlationId }: Envelope,
  node: string,
  at: Millis,
  version: number,
): EncodedEvent['metadata'] {
  const command = JSON.stringify(commandId)
  const correlation = correlationId === undefined ? command : JSON.stringify(correlationId)
  const device = deviceId === undefined ? '' : `,"deviceId":${JSON.stringify(deviceId)}`
  const occurred = occurredAt === undefined ? '' : `,"occurredAt":"${occurredAt}"`
  return [
    `{"$causationId":${command},"$correlationId":${correlation},"actorId":${JSON.stringify(actorId)},"actorKind":"${actorKind}","commandId":${command}${device}`,
    `,"node":${JSON.stringify(node)}${occurred},"prevHash":"`,
    `","recordedAt":"${at}","schemaVersion":"${version}"}`,
  ]
}

/** The facts of one conversation in the order of the ledger: its two streams merged as they are read. Holds no stream in memory. */
import type { DomainEvent, MessageSent } from '../../domain/events.ts'
import type { ConversationId } from '../../domain/ids.ts'
import { decode, UndecodableEvent } from '../../ledger/codec/decode.ts'
import type { Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import { conversationStream, deliveryStream } from '../../ledger/streams.ts'

export interface RecordedFact {
  readonly recorded: RecordedEvent
  /** Why it cannot be understood, where it cannot. */
  readonly event: DomainEvent | UndecodableEvent
}

/**
 * @param message only what concerns the message whose id begins so, and what cannot be understood: nobody knows whether that
 * concerns it, and whoever looks for a message that is missing wants to see it.
 */
export async function* conversationEvents(
  ledger: Ledger,
  id: ConversationId,
  message?: string,
): AsyncIterable<RecordedFact> {
  let about: Pick<MessageSent, 'seq' | 'senderId'> | undefined
  for await (const recorded of inOrder(
    ledger.readStream(conversationStream(id)),
    ledger.readStream(deliveryStream(id)),
  )) {
    const event = understood(recorded)
    if (event instanceof UndecodableEvent) {
      yield { recorded, event }
      continue
    }
    const found = message !== undefined && event.type === 'MessageSent' && event.messageId.startsWith(message)
    if (found) about ??= event
    if (message === undefined || (about && concerns(event, about))) yield { recorded, event }
  }
}

function understood(recorded: RecordedEvent): RecordedFact['event'] {
  try {
    return decode(recorded)
  } catch (error) {
    if (error instanceof UndecodableEvent) return error
    throw error
  }
}

async function* inOrder(...streams: readonly AsyncIterable<RecordedEvent>[]): AsyncIterable<RecordedEvent> {
  const readers = streams.map((stream) => stream[Symbol.asyncIterator]())
  const heads = await Promise.all(readers.map((reader) => reader.next()))
  while (true) {
    let first = -1
    for (const [index, head] of heads.entries()) {
      if (head.done) continue
      const earliest = heads[first]
      if (earliest === undefined || earliest.done || head.value.position < earliest.value.position)
        first = index
    }
    const head = heads[first]
    const reader = readers[first]
    if (head === undefined || head.done || reader === undefined) return
    yield head.value
    heads[first] = await reader.next()
  }
}

/** The ranges of receipts and tries span whatever lies in them, also what that person has sent: that was never on its way to them. */
function concerns(event: DomainEvent, { seq, senderId }: Pick<MessageSent, 'seq' | 'senderId'>): boolean {
  switch (event.type) {
    case 'MessageSent':
    case 'MessageDeleted':
    case 'MessageExpired':
      return event.seq === seq
    case 'MessageDelivered':
    case 'MessageRead':
    case 'DeliveryAttempted':
    case 'DeliveryExhausted':
      return event.fromSeq <= seq && seq <= event.toSeq && event.userId !== senderId
    case 'ConversationStarted':
    case 'MemberAdded':
    case 'MemberRemoved':
    case 'MemberRoleChanged':
    case 'ConversationRenamed':
    case 'RetentionChanged':
      return false
    default:
      return event satisfies never
  }
}

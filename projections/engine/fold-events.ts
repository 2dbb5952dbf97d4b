/** From recorded events to the changes of a batch; what can't be understood goes to the parked. Touches no database. */
import { decodeAny } from '../../ledger/codec/decode.ts'
import type { Position, RecordedEvent } from '../../ledger/ledger.ts'
import { streamOf, subjectOf } from '../../ledger/streams.ts'
import { type Batch, emptyBatch, foldEvent } from '../fold/batch.ts'
import { UnapplicableEvent } from '../fold/unapplicable-event.ts'
import { describePoison } from './failures.ts'
import type { ParkedConversations, Parking } from './parking.ts'

export interface FoldedEvents {
  readonly batch: Batch
  readonly parking: Parking
}

export interface FoldRules {
  readonly parked: Pick<ParkedConversations, 'has'>
  readonly skipped: ReadonlySet<Position>
  /** Postgres refused this one: it is parked without being tried. */
  readonly refused?: { readonly event: RecordedEvent; readonly reason: string }
}

export function foldEvents(
  events: readonly RecordedEvent[],
  { parked, skipped, refused }: FoldRules,
): FoldedEvents {
  const batch = emptyBatch()
  const begun: { conversationId: string; position: Position; reason: string }[] = []
  const parkedEvents: { conversationId: string; event: RecordedEvent }[] = []
  const begunNow = new Set<string>()

  const begin = (conversationId: string, event: RecordedEvent, reason: string) => {
    begun.push({ conversationId, position: event.position, reason })
    begunNow.add(conversationId)
    parkedEvents.push({ conversationId, event })
  }

  for (const event of events) {
    const conversationId = subjectOf(event.stream)
    if (conversationId === undefined || skipped.has(event.position)) continue
    if (parked.has(conversationId) || begunNow.has(conversationId)) {
      parkedEvents.push({ conversationId, event })
    } else if (event === refused?.event) {
      begin(conversationId, event, refused.reason)
    } else {
      try {
        foldRecorded(batch, event)
      } catch (error) {
        begin(conversationId, event, describePoison(error))
      }
    }
  }
  return { batch, parking: { begun, events: parkedEvents } }
}

/** @throws UndecodableEvent or UnapplicableEvent; the batch is unchanged then. */
export function foldRecorded(batch: Batch, recorded: RecordedEvent): void {
  const event = decodeAny(recorded)
  const stream = streamOf(event)
  if (stream !== recorded.stream && subjectOf(stream) !== subjectOf(recorded.stream)) {
    throw new UnapplicableEvent(
      `${recorded.type} at position ${recorded.position} is of another conversation than its stream`,
    )
  }
  foldEvent(batch, event, recorded.position)
}

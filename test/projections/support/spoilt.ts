/** A talk of three conversations, and the ways in which an event of one of them, the sick one, can be bad. */
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import { conversationOf } from '../../../ledger/streams.ts'
import { conversationNumber } from '../../support/recorded-events.ts'
import { someTalk as talk } from './talk.ts'

/** Three conversations that talk in turns. */
export const someTalk = (turns = 10) => talk({ conversations: 3, turns })

export const [sick, healthy] = [conversationNumber(0), conversationNumber(1)]

/** The n-th message of the sick conversation. */
export const messageOf = (events: readonly RecordedEvent[], nth: number): number =>
  events.findIndex((event, i) =>
    event.type === 'MessageSent' && conversationOf(event.stream) === sick
      ? events.slice(0, i + 1).filter((e) => e.type === 'MessageSent' && conversationOf(e.stream) === sick)
          .length === nth
      : false,
  )

/** The first receipt of its n-th message. */
export const receiptOf = (events: readonly RecordedEvent[], nth: number): number => {
  const sent = messageOf(events, nth)
  return events.findIndex(
    ({ type, stream }, i) => i > sent && type === 'MessageDelivered' && conversationOf(stream) === sick,
  )
}

/** Ways in which an event can be bad: undecodable, contradicting its stream, refused by Postgres. */
export const bad: Readonly<Record<string, (event: RecordedEvent) => RecordedEvent>> = {
  'of a type that nobody knows': (event) => ({ ...event, type: 'MessageSung' }),
  'with data that its schema does not take': (event) => ({ ...event, data: { seq: 'one' } }),
  'of another conversation than its stream': (event) => ({
    ...event,
    data: { ...(event.data as object), conversationId: healthy },
  }),
  'with a seq that is taken': (event) => ({ ...event, data: { ...(event.data as object), seq: 1 } }),
  'with a seq that no column holds': (event) => ({
    ...event,
    data: { ...(event.data as object), seq: 2 ** 40 },
  }),
  'that deletes what is not there': (event) => ({
    ...event,
    type: 'MessageDeleted',
    data: { ...(event.data as object), by: 'ann', seq: 77 },
  }),
}

export function spoil(events: readonly RecordedEvent[], index: number, how: string): RecordedEvent[] {
  const spoilt = [...events]
  spoilt[index] = (bad[how] as (event: RecordedEvent) => RecordedEvent)(events[index] as RecordedEvent)
  return spoilt
}

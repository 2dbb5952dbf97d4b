/** A history without surprises: pairs that talk in turns, each message read at once. */
import type { DeviceId, UserId } from '../../../domain/ids.ts'
import type { RecordedEvent } from '../../../ledger/ledger.ts'
import { conversationNumber, createPast } from '../../support/recorded-events.ts'

export const [ANN, BOB] = ['ann', 'bob'] as unknown as [UserId, UserId]
const PHONE = 'phone' as DeviceId

export interface Talk {
  readonly conversations: number
  /** Messages in all. */
  readonly turns: number
  /** Events of other streams at the end. */
  readonly elsewhere?: number
}

export function someTalk({ conversations, turns, elsewhere = 0 }: Talk): readonly RecordedEvent[] {
  const past = createPast()
  for (let n = 0; n < conversations; n++) {
    past.converse(conversationNumber(n), { type: 'start', kind: 'direct', by: ANN, members: [BOB] })
  }
  for (let turn = 0; turn < turns; turn++) {
    const id = conversationNumber(turn % conversations)
    past.say(id, ANN, PHONE)
    const upTo = past.conversation(id).lastSeq
    past.deliver(id, { type: 'acknowledge', kind: 'read', userId: BOB, deviceId: PHONE, upTo })
  }
  for (let n = 0; n < elsewhere; n++) past.elsewhere()
  return past.events
}

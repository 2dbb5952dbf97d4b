/** What is parked, and why. Reads only. */
import { BEGINNING, type Position, type Revision, type StreamName } from '../../ledger/ledger.ts'
import { position } from '../queries/columns.ts'
import { ask, type Database, type Statement } from '../queries/statement.ts'

export interface ParkedConversation {
  readonly conversationId: string
  /** Of the event that could not be applied. */
  readonly position: Position
  readonly type: string
  readonly reason: string
  /** That event and the later ones of its conversation. */
  readonly events: number
  readonly parkedAt: Date
}

export interface ParkedEvent {
  readonly position: Position
  readonly stream: StreamName
  readonly revision: Revision
  readonly eventId: string
  readonly type: string
}

const PARKED_CONVERSATIONS: Statement = {
  name: 'parked conversations',
  text: `
    SELECT p.conversation_id AS "conversationId", p.position, p.reason, p.parked_at AS "parkedAt",
           first.type, count(e.position)::int AS events
    FROM read.parked_conversations p
    JOIN read.parked_events first ON first.conversation_id = p.conversation_id AND first.position = p.position
    JOIN read.parked_events e ON e.conversation_id = p.conversation_id
    GROUP BY p.conversation_id, first.type
    ORDER BY p.position`,
}

const PARKED_EVENTS: Statement = {
  name: 'parked events of a conversation',
  text: `
    SELECT position, stream, revision, event_id AS "eventId", type
    FROM read.parked_events WHERE conversation_id = $1 AND position > $2 ORDER BY position LIMIT $3`,
}

/** Of a conversation that is parked and goes on, there is no end. */
const PAGE = 1_000

type Raw<T> = Omit<T, 'position'> & { readonly position: string }

/** Longest parked first. */
export async function parkedConversations(db: Database): Promise<readonly ParkedConversation[]> {
  const rows = await ask<Raw<ParkedConversation>>(db, PARKED_CONVERSATIONS)
  return rows.map((row) => ({ ...row, position: position(row.position) }))
}

/** In ledger order, read in pages; none when the conversation is not parked. */
export async function* parkedEvents(db: Database, conversationId: string): AsyncGenerator<ParkedEvent> {
  for (let after = BEGINNING; ; ) {
    const rows = await ask<Raw<ParkedEvent>>(db, PARKED_EVENTS, [conversationId, after, PAGE])
    for (const row of rows) {
      after = position(row.position)
      yield { ...row, position: after }
    }
    if (rows.length < PAGE) return
  }
}

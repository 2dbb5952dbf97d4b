/**
 * Notes what comes into the read models after its time, in the transaction in which it does: devices that went on meanwhile are
 * sent it then (`../../api/gateway/freed.ts`). Of a person who is parked by the name of their stream nothing was to be sent.
 */
import type { Statement } from '../queries/statement.ts'

/** Noted again, it came late again: after a return to read models in which it was parked still. */
const AGAIN = 'ON CONFLICT (conversation_id, from_position) DO UPDATE SET until_position = NULL'
const INTO = 'INSERT INTO gateway.freed_conversations (conversation_id, from_position)'
const isConversation = (id: string) => `${id} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'`

/** Of conversation $1, from position $2 on. */
export const NOTE_FREED: Statement = {
  name: 'note what is freed of a conversation',
  text: `${INTO} SELECT $1::text::uuid, $2 WHERE ${isConversation('$1::text')} ${AGAIN}`,
}

/** Of all that are parked in `read`: not, or for a later event, in the build that takes its place. */
export const noteFreedBy = (other: 'read_next' | 'read_previous'): string => `
  ${INTO} SELECT parked.conversation_id::uuid, parked.position FROM read.parked_conversations parked
  WHERE ${isConversation('parked.conversation_id')} AND NOT EXISTS (
    SELECT FROM ${other}.parked_conversations still
    WHERE still.conversation_id = parked.conversation_id AND still.position <= parked.position) ${AGAIN}`

/** Conversations that were parked and are freed: between which positions of the ledger devices may have gone past what came late. */
import type { ConversationId, UserId } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'
import { position } from './columns.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface FreedConversation {
  readonly conversationId: ConversationId
  /** Of the first event that came late. */
  readonly from: Position
  /** Who has kept anything later has been sent all of it; null: not known yet. */
  readonly until: Position | null
}

const COLUMNS = 'f.conversation_id, f.from_position, f.until_position'

const FREED_CONVERSATIONS: Statement = {
  name: 'freed conversations',
  text: `SELECT ${COLUMNS} FROM gateway.freed_conversations f`,
}

const FREED_SINCE: Statement = {
  name: 'conversations of a person that were freed since a position',
  text: `
    SELECT ${COLUMNS} FROM gateway.freed_conversations f
    JOIN read.members me ON me.conversation_id = f.conversation_id AND me.user_id = $1
    WHERE f.from_position <= $2 AND coalesce(f.until_position, $2) >= $2
    ORDER BY f.until_position, f.from_position`,
}

const SETTLE_FREED: Statement = {
  name: 'settle freed conversations',
  text: 'UPDATE gateway.freed_conversations SET until_position = $1 WHERE until_position IS NULL',
}

const PEOPLE: Statement = {
  name: 'people who ever were in some conversations',
  text: 'SELECT DISTINCT user_id AS "userId" FROM read.members WHERE conversation_id = ANY ($1::uuid[])',
}

interface Row {
  readonly conversation_id: ConversationId
  readonly from_position: string
  readonly until_position: string | null
}

const toFreed = (row: Row): FreedConversation => ({
  conversationId: row.conversation_id,
  from: position(row.from_position),
  until: row.until_position === null ? null : position(row.until_position),
})

/** There are as many as people have freed, ever. */
export async function freedConversations(db: Database): Promise<readonly FreedConversation[]> {
  return (await ask<Row>(db, FREED_CONVERSATIONS)).map(toFreed)
}

/** Of which a device that has kept what is up to `kept`, and no more, may have missed something before that; the first freed first. */
export async function freedSince(
  db: Database,
  userId: UserId,
  kept: Position,
): Promise<readonly FreedConversation[]> {
  return (await ask<Row>(db, FREED_SINCE, [userId, kept])).map(toFreed)
}

/** @param head of the ledger, read after they were seen: no earlier reading that had nothing of them went beyond it. */
export async function settleFreed(db: Database, head: Position): Promise<void> {
  await ask(db, SETTLE_FREED, [head])
}

/** Also who has left since. */
export async function peopleEverIn(
  db: Database,
  conversationIds: readonly ConversationId[],
): Promise<readonly UserId[]> {
  const rows = await ask<{ readonly userId: UserId }>(db, PEOPLE, [conversationIds])
  return rows.map(({ userId }) => userId)
}

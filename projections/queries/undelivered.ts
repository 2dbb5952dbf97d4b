/** Who waits for messages that are on none of their devices, as far as is known. For the delivery worker and its reconciler. */
import type { ConversationId, Millis, Seq, UserId } from '../../domain/ids.ts'
import { ask, type Database, type Statement } from './statement.ts'

export interface UndeliveredRange {
  readonly conversationId: ConversationId
  readonly fromSeq: Seq
  readonly toSeq: Seq
}

export interface UndeliveredPerson {
  readonly userId: UserId
  /** Ever, with any device. Anybody may write to a name that nobody has. */
  readonly hasConnected: boolean
  readonly conversations: readonly UndeliveredRange[]
}

/**
 * Beyond the delivered watermark there are messages that are not this person's own. Counters only, no row of `messages`. Of a parked
 * conversation nobody knows: its watermarks stand still, and what has long been acknowledged would be tried, and recorded as
 * tried, for ever.
 */
const WAITING = `
  m.left_seq IS NULL AND c.last_seq - m.delivered_seq - m.own_after_delivered > 0
  AND NOT EXISTS (SELECT FROM read.parked_conversations p WHERE p.conversation_id = m.conversation_id::text)`

/**
 * The delivery worker has not given this person up in this conversation, or something has come or been acknowledged since. A
 * subquery of one value, so that it stays a look into the index for each that waits.
 */
const NOT_GIVEN_UP = `
  c.last_seq > coalesce(
    (SELECT max(a.to_seq) FROM read.delivery_attempts a
     WHERE a.conversation_id = m.conversation_id AND a.user_id = m.user_id
       AND a.position > coalesce(m.delivered_position, 0) AND a.outcome = 'exhausted'), 0)`

/** Nobody acknowledges their own: who sends all day and acknowledges nothing has any number of them before the first of somebody else. */
const MOST_OWN = 1_000

const BEYOND = `
  FROM read.messages said
  WHERE said.conversation_id = m.conversation_id
    AND said.seq > CASE WHEN m.own_after_delivered = m.last_sent_seq - m.delivered_seq
                        THEN m.last_sent_seq ELSE m.delivered_seq END
  ORDER BY said.seq`

/**
 * When the oldest of those messages was sent; behind the watermark, where it is followed by own messages only: behind those. Where very many
 * own ones come first: when the last of those that are looked at was, which is older.
 */
const OLDEST_WAITING = `
  coalesce(
    (SELECT x.at FROM (SELECT said.seq, said.at, said.sender_id ${BEYOND} LIMIT ${MOST_OWN}) x
     WHERE x.sender_id <> m.user_id ORDER BY x.seq LIMIT 1),
    (SELECT said.at ${BEYOND} OFFSET ${MOST_OWN - 1} LIMIT 1))`

const RANGES = `
  json_agg(json_build_object('conversationId', m.conversation_id, 'fromSeq', m.delivered_seq + 1, 'toSeq', c.last_seq)
           ORDER BY m.conversation_id) AS conversations`

const UNDELIVERED_PEOPLE: Statement = {
  name: 'people with undelivered messages',
  text: `
    SELECT m.user_id AS "userId", EXISTS (SELECT FROM read.devices d WHERE d.user_id = m.user_id) AS "hasConnected", ${RANGES}
    FROM read.members m JOIN read.conversations c USING (conversation_id)
    WHERE m.user_id > $1 AND ${WAITING} AND ${NOT_GIVEN_UP} AND ${OLDEST_WAITING} < $2
    GROUP BY m.user_id ORDER BY m.user_id LIMIT $3`,
}

const UNDELIVERED_IN: Statement = {
  name: 'people with undelivered messages in some conversations',
  text: `
    SELECT m.user_id AS "userId", EXISTS (SELECT FROM read.devices d WHERE d.user_id = m.user_id) AS "hasConnected", ${RANGES}
    FROM read.members m JOIN read.conversations c USING (conversation_id)
    WHERE m.conversation_id = ANY ($1::uuid[]) AND ${WAITING} AND ${OLDEST_WAITING} < $2
    GROUP BY m.user_id ORDER BY m.user_id`,
}

const UNDELIVERED_OF: Statement = {
  name: 'undelivered messages of a person',
  text: `
    SELECT m.conversation_id AS "conversationId", m.delivered_seq + 1 AS "fromSeq", c.last_seq AS "toSeq"
    FROM read.members m JOIN read.conversations c USING (conversation_id)
    WHERE m.user_id = $1 AND ${WAITING} AND ${NOT_GIVEN_UP}
    ORDER BY m.conversation_id`,
}

/**
 * A page of people, by user id, for whom a message from before `olderThan` waits, but in conversations in which they were given up.
 * The next page begins after the last one.
 */
export function undeliveredPeople(
  db: Database,
  { olderThan, limit, afterUserId }: UndeliveredPage,
): Promise<readonly UndeliveredPerson[]> {
  return ask<UndeliveredPerson>(db, UNDELIVERED_PEOPLE, [afterUserId ?? '', olderThan, limit])
}

export interface UndeliveredPage {
  readonly olderThan: Millis
  readonly limit: number
  readonly afterUserId?: UserId
}

/** Everybody at once, in these conversations only, also if they were given up: it is asked when something new has come. */
export function undeliveredIn(
  db: Database,
  conversationIds: readonly ConversationId[],
  olderThan: Millis,
): Promise<readonly UndeliveredPerson[]> {
  return ask<UndeliveredPerson>(db, UNDELIVERED_IN, [conversationIds, olderThan])
}

/** What waits for one person, however young, but where they were given up. */
export function undeliveredOf(db: Database, userId: UserId): Promise<readonly UndeliveredRange[]> {
  return ask<UndeliveredRange>(db, UNDELIVERED_OF, [userId])
}

/** What somebody has not read yet, in SQL: the count without touching a message, and the first of them. */

/** Of `members m` and `conversations c`: others' messages beyond the read watermark, up to this person's leaving. */
export const UNREAD = 'coalesce(m.left_seq, c.last_seq) - m.read_seq - m.own_after_read'

/** Nobody reads their own, and who sends all day and reads nothing has any number of them before the first of somebody else: 2 ms for these. */
const MOST_OWN = 10_000

/**
 * The first of them; none where very many own ones come first. `me` is a subquery with the columns `unread`, `conversation_id`, `user_id`, `read_seq`, `last_sent_seq`
 * and `own_after_read` of the person.
 */
export const firstUnread = (me: string): string => `
  SELECT x.seq, x.at FROM (
    SELECT said.seq, said.at, said.sender_id FROM read.messages said
    WHERE ${me}.unread > 0 AND said.conversation_id = ${me}.conversation_id
      -- behind the watermark, where it is followed by own messages only: behind those
      AND said.seq > CASE WHEN ${me}.own_after_read = ${me}.last_sent_seq - ${me}.read_seq
                          THEN ${me}.last_sent_seq ELSE ${me}.read_seq END
    ORDER BY said.seq LIMIT ${MOST_OWN}
  ) x
  WHERE x.sender_id <> ${me}.user_id
  ORDER BY x.seq LIMIT 1`

/** From a position of the ledger to a seq of a conversation, in SQL: positions grow with seqs, so bisection finds it. */

interface Bounds {
  /** SQL expressions: the conversation, the position, and the seqs between which the answer lies. */
  readonly conversation: string
  readonly position: string
  readonly low: string
  readonly high: string
}

/**
 * The first seq from `low` on whose message is behind the position, or `high`. 20 look-ups in a million messages. Walking
 * there instead would take as long as somebody has been sending without acknowledging, and nobody acknowledges their own.
 */
export const firstSeqBehind = ({ conversation, position, low, high }: Bounds): string => `(
  WITH RECURSIVE bisection (low, high) AS (
    SELECT ${low}, ${high}
    UNION ALL
    SELECT CASE WHEN probe.position > ${position} THEN low ELSE (low + high) / 2 + 1 END,
           CASE WHEN probe.position > ${position} THEN (low + high) / 2 ELSE high END
    FROM bisection CROSS JOIN LATERAL (
      SELECT x.position FROM read.messages x
      WHERE x.conversation_id = ${conversation} AND x.seq >= (low + high) / 2 ORDER BY x.seq LIMIT 1
    ) probe
    WHERE low < high
  )
  SELECT max(low) FROM bisection)`

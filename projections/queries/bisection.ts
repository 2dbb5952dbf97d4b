/** From a position of the ledger to a seq of a conversation, in SQL: positions grow with seqs, so bisection finds it. */

interface Bounds {
  /** SQL: rows of one conversation, as `FROM` takes them with a condition, named `x`; each has a `position`, which grows with its seq. */
  readonly rows: string
  /** Their column of seqs. */
  readonly seq: string
  /** SQL expressions: the position, and the seqs between which the answer lies. */
  readonly position: string
  readonly low: string
  readonly high: string
}

/**
 * The first seq from `low` on whose row, or the next one's, is behind the position, or `high`. 20 look-ups in a million rows. Walking
 * there instead would take as long as somebody has been sending without acknowledging, and nobody acknowledges their own.
 */
export const firstSeqBehind = ({ rows, seq, position, low, high }: Bounds): string => `(
  WITH RECURSIVE bisection (low, high) AS (
    SELECT ${low}, ${high}
    UNION ALL
    SELECT CASE WHEN probe.position > ${position} THEN low ELSE (low + high) / 2 + 1 END,
           CASE WHEN probe.position > ${position} THEN (low + high) / 2 ELSE high END
    FROM bisection CROSS JOIN LATERAL (
      SELECT x.position FROM ${rows} AND x.${seq} >= (low + high) / 2 ORDER BY x.${seq} LIMIT 1
    ) probe
    WHERE low < high
  )
  SELECT max(low) FROM bisection)`

/** Of the messages of a conversation. */
export const firstMessageBehind = (
  bounds: Omit<Bounds, 'rows' | 'seq'> & { readonly conversation: string },
): string =>
  firstSeqBehind({
    ...bounds,
    rows: `read.messages x WHERE x.conversation_id = ${bounds.conversation}`,
    seq: 'seq',
  })

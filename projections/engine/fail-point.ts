/** Places where a test may kill an engine, by throwing. In production nobody listens. */
export type FailPoint =
  | 'before the transaction'
  | 'after the checkpoint'
  | 'before the commit'
  | 'after the commit'

/** From columns of the read models to the types of the domain. int8 columns arrive from `pg` as text. */
import type { Millis } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'

export const millis = (column: string): Millis => Number(column) as Millis
export const millisOrNull = (column: string | null): Millis | null =>
  column === null ? null : millis(column)
/** Of two clocks: nothing was received before it was sent. */
export const later = (a: Millis, b: Millis): Millis => (a > b ? a : b)
export const position = (column: string): Position => BigInt(column) as Position

/**
 * Of many rows that a statement has put into one text, so many fields each: a thousand rows would take Node a millisecond to read.
 *
 * @param toRow is given all fields, and where those of its row begin: a list for each row is what the collector would have to clear away.
 */
export function records<Row>(
  text: string | null | undefined,
  fieldsOfEach: number,
  toRow: (fields: readonly string[], at: number) => Row,
): Row[] {
  const fields = text?.split(' ') ?? []
  const rows: Row[] = []
  for (let at = 0; at < fields.length; at += fieldsOfEach) rows.push(toRow(fields, at))
  return rows
}

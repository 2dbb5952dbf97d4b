/** From columns of the read models to the types of the domain. int8 columns arrive from `pg` as text. */
import type { Millis } from '../../domain/ids.ts'
import type { Position } from '../../ledger/ledger.ts'

export const millis = (column: string): Millis => Number(column) as Millis
export const millisOrNull = (column: string | null): Millis | null =>
  column === null ? null : millis(column)
export const position = (column: string): Position => BigInt(column) as Position

/** Which of two positions is further on. */
import type { Position } from './ledger.ts'

export const higher = (a: Position, b: Position): Position => (a > b ? a : b)
export const lower = (a: Position, b: Position): Position => (a < b ? a : b)

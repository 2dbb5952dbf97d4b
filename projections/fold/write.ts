/** One statement that writes the rows of one table for a whole batch. Types only. */
import type { Statement } from '../queries/statement.ts'

export interface Write {
  readonly statement: Statement
  readonly values: readonly unknown[]
  /** Rows that must be there to be written to; fewer mean a fact about something that the read model does not know. */
  readonly rows?: number
}

/** What writes the rows of one table for a whole batch. Types only. */
import type { Statement } from '../queries/statement.ts'

export type Write = Change | Addition

export interface Change {
  readonly statement: Statement
  readonly values: readonly unknown[]
  /** Rows that must be there to be written to; fewer mean a fact about something that the read model does not know. */
  readonly rows?: number
}

/** Rows that are only ever added, by COPY in its text format: they are most of what is written. */
export interface Addition {
  readonly copy: Statement
  readonly lines: string
}

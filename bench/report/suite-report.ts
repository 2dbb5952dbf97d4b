/** What a suite reports that has one table. Types only. */
export interface SuiteReport {
  readonly title: string
  /** The first row is the head. */
  readonly rows: readonly (readonly string[])[]
  /** The same for programs; a name ends in its unit. */
  readonly figures: Readonly<Record<string, number>>
  /** Said below the table: what ran beside, what bounds it. */
  readonly notes?: readonly string[]
  /** Empty if nothing was lost, doubled or out of order. */
  readonly broken: readonly string[]
}

/** What the process of `eventstoredb` is told, and what it tells. Types only. */

export interface EventStoreSettings {
  readonly simulatorUrl: string
  /** For data keys and snapshots, which stand there whichever ledger is used. */
  readonly databaseUrl: string
  readonly pairs: number
  readonly inFlight: number
  readonly messagesPerPair: number
  readonly textBytes: number
  readonly rounds: number
}

/** How fast appends were made, all of them acknowledged. */
export interface AppendRate {
  readonly appends: number
  readonly events: number
  readonly seconds: number
  /** CPU of the process that appended, in microseconds an append. */
  readonly cpuMicros: number
}

/** One after another on the same simulator. */
export interface EventStoreRound {
  /** The client package alone, given exactly the appends that the command path makes. */
  readonly alone: AppendRate
  /** The command path. */
  readonly commands: AppendRate
}

export interface EventStoreRun {
  /** Once: the client package alone, each fact an append of its own. */
  readonly oneByOne: AppendRate
  readonly rounds: readonly EventStoreRound[]
  /** What is not in the ledger as it was acknowledged; empty if all is well. */
  readonly broken: readonly string[]
}

/** What the generator of `grow` is told, and what it tells. Types only. */
import type { Person } from '../crowd/socket.ts'
import type { Percentiles } from '../histogram.ts'
import type { ProcessKind } from '../machine/processes.ts'

export interface GrowSettings {
  /** From the shortest past, the reference, to the longest. */
  readonly systems: readonly GrowSystem[]
  readonly rounds: number
  /** Of each kind, in a round. */
  readonly sends: number
  readonly reads: number
}

export interface GrowSystem {
  readonly url: string
  /** Of the process whose children do the work, and of its database. */
  readonly pids: readonly number[]
  /** People of one circle of the past, who talk before anything is measured. */
  readonly hot: readonly Person[]
  /** People of another, of whom nothing is in the memory of the api. */
  readonly cold: readonly Person[]
}

export interface GrownSystem {
  readonly sentMs: Percentiles
  /** From the send to its ✓✓, with the recipient there. */
  readonly deliveredMs: Percentiles
  readonly inboxMs: Percentiles
  readonly coldSentMs: Percentiles
  readonly coldInboxMs: Percentiles
  /** For a message, its receipt, and both in the read models; absent where `/proc` is not. */
  readonly cpuMs?: Readonly<Record<ProcessKind, number>>
  /** Medians of each round, in the order of the rounds. */
  readonly rounds: readonly { readonly sentMs: number; readonly inboxMs: number }[]
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  /** Inboxes without all conversations, or with a last message that could not be opened. */
  readonly wrongInboxes: number
}

/** What the generator of `group` is told, and what it tells. Types only. */
import type { Person } from '../crowd/socket.ts'
import type { Percentiles } from '../histogram.ts'

export interface GroupSettings {
  readonly url: string
  /** The first one writes; all are online. */
  readonly people: readonly Person[]
  /** Sends that count; each waits until the one before has been read by everybody. */
  readonly sends: number
  readonly textBytes: number
}

export interface GroupRun {
  readonly sentMs: Percentiles
  /** Every other member has the message. */
  readonly everywhereMs: Percentiles
  /** The writer knows of everybody that they have read it. */
  readonly readByAllMs: Percentiles
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
}

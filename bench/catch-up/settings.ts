/** What the generator of `catch-up` is told, and what it tells. Types only. */
import type { Person } from '../crowd/socket.ts'
import type { Percentiles } from '../histogram.ts'

export interface CatchUpSettings {
  readonly url: string
  /** Each group: the first one writes while the others are away. */
  readonly groups: readonly (readonly Person[])[]
  /** By the end everybody who was away has missed this many. */
  readonly missed: number
  /** Who goes on writing meanwhile, in pairs: the writer, then the reader. */
  readonly others: readonly (readonly [Person, Person])[]
  /** Messages a second of the others, in all. */
  readonly rate: number
}

export interface CatchUpRun {
  readonly people: number
  /** From the first attempt to connect until the last is live and has everything. */
  readonly allLiveMs: number
  /** Of one person, from their attempt to connect. */
  readonly liveMs: Percentiles
  /** Send → sent of the others while people come back, and before. */
  readonly othersMeanwhileMs: Percentiles
  readonly othersBeforeMs: Percentiles
  /** Sends of the others that were answered `overloaded`. */
  readonly othersRefused: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
}

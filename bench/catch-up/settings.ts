/** What the generator of `catch-up` is told, and what it tells. Types only. */
import type { ConversationId } from '../../domain/ids.ts'
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

/** What those who come back are told, and what they tell. */
export interface ReturningSettings extends Pick<CatchUpSettings, 'url' | 'missed'> {
  readonly groups: readonly { readonly conversationId: ConversationId; readonly away: readonly Person[] }[]
}

export interface Returned {
  readonly people: number
  /** From the first attempt to connect until the last is live and has everything. */
  readonly allLiveMs: number
  /** Of one person, from their attempt to connect. */
  readonly liveMs: Percentiles
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
}

export interface CatchUpRun extends Returned {
  /** Send → sent of the others while people come back, and before. */
  readonly othersMeanwhileMs: Percentiles
  readonly othersBeforeMs: Percentiles
  /** Sends of the others that were answered `overloaded`. */
  readonly othersRefused: number
}

/** What the processes that hold the idle sockets are told, and what they tell. Types only. */
import type { Person } from '../crowd/socket.ts'
import type { Percentiles } from '../histogram.ts'

export type IdleOrder =
  | {
      readonly kind: 'open'
      readonly url: string
      readonly people: readonly Person[]
      /** An address of this machine to come from: each has about 28,000 ports towards one server. */
      readonly localAddress: string
    }
  /** The writer says something to one of the idle people after another. */
  | { readonly kind: 'write'; readonly url: string; readonly writer: Person; readonly tries: number }

export type IdleMessage =
  | { readonly kind: 'open' }
  | { readonly kind: 'written'; readonly run: IdleLatency }
  | { readonly kind: 'failed'; readonly reason: string }

export interface IdleLatency {
  /** From the send to the message at a socket that has been idle since it was opened. */
  readonly arrivedMs: Percentiles
  readonly lost: number
  readonly doubled: number
}

/** What the generator of `lives` is told, and what it tells. Types only. */
import type { Percentiles } from '../histogram.ts'
import type { Tally } from './pair.ts'

export interface LivesSettings {
  readonly url: string
  /** Two a pair: the writer, then the reader. */
  readonly people: readonly { readonly userId: string; readonly token: string }[]
  readonly textBytes: number
  /** Closed loop: this many messages of each pair are on their way at any time. Open loop: this many a second in all. */
  readonly load: { readonly inFlight: number } | { readonly rate: number }
  /** Acknowledge every message by itself, or what came in one WebSocket frame as one range. */
  readonly acks: 'each' | 'range'
  /**
   * Repeat what was refused, or count it and give it up. Who counts refusals means to ask too much: latency is then counted
   * from when a message was written, since the generator is late too.
   */
  readonly refusals?: 'repeat' | 'count'
  readonly warmUpSeconds: number
  readonly runs: number
  readonly secondsPerRun: number
}

export interface LivesRun {
  /** Messages that were read in the run, a second. */
  readonly messagesPerSecond: number
  readonly verdict: Tally
  readonly latencyMs: {
    readonly sent: Percentiles
    readonly delivered: Percentiles
    readonly read: Percentiles
  }
  /** From written to `overloaded`; only where refusals are counted. */
  readonly refusedMs?: Percentiles
  /** Messages that were written a second; in open loop, where it should be the rate. */
  readonly writtenPerSecond?: number
  /** How long it took until everything that was sent was read, after the last was written. */
  readonly drainSeconds: number
  /** How late the generator itself was; absent in closed loop, where nothing is due at a time. */
  readonly generatorLagMs?: Percentiles
  /** Cores that the generator used. */
  readonly generatorCpu: number
}

export type LivesMessage =
  | { readonly kind: 'connected' }
  /** A run begins and ends; in between, what others use of the machine is theirs. */
  | { readonly kind: 'run-begins' }
  | { readonly kind: 'run'; readonly run: LivesRun }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'done' }

/**
 * The ledger's contract: an append-only log of events in streams. Owns no storage; `postgres/` and `eventstoredb/`
 * implement it, and one contract suite (`test/ledger/contract.ts`) runs on both.
 *
 * Glossary
 * - event: a fact with a type, JSON data and a flat map of metadata. It never changes.
 * - stream: the ordered events of one thing (`conversation-<id>`, …); its events have revisions 0, 1, 2 …
 * - revision: place of an event in its stream; `NO_STREAM` (-1) is the revision of a stream without events.
 * - position: place of an event in the whole ledger. Positions grow in commit order: a reader that has seen position p
 *   will never later be shown an event at or below p.
 */

declare const brand: unique symbol
export type StreamName = string & { readonly [brand]: 'StreamName' }
export type Revision = number & { readonly [brand]: 'Revision' }
export type Position = bigint & { readonly [brand]: 'Position' }

/** Revision of a stream that has no events yet. */
export const NO_STREAM = -1 as Revision
/** Before the first event of the ledger. */
export const BEGINNING = 0n as Position

/** At most this many events in one append (design, section 4, trap 5). */
export const MAX_APPEND_EVENTS = 500
/** At most this many bytes of data and metadata in one append. */
export const MAX_APPEND_BYTES = 512 * 1024

export type Metadata = Readonly<Record<string, string>>

export interface EventToAppend {
  /** UUID; UUIDv5 of stream, command id and index, so that repeating an append repeats its ids. */
  readonly id: string
  readonly type: string
  /** JSON of an object. */
  readonly data: string
  /** JSON of a flat map of strings. */
  readonly metadata: string
}

export interface RecordedEvent {
  readonly stream: StreamName
  readonly revision: Revision
  readonly position: Position
  readonly id: string
  readonly type: string
  /** As it was parsed from the stored JSON; not yet validated. */
  readonly data: unknown
  readonly metadata: Metadata
}

/**
 * What became of an append. `append` returns these and throws only on misuse (no events, over the limits above).
 * - `written`: durable, all or nothing. Also the answer to an identical append (same stream, expected revision and event
 *   ids) that had been written before. `revision` and `position` are those of the last event of the append.
 * - `conflict`: nothing was written; the stream stands at `actual`.
 * - `ambiguous`: unknown whether it was written (cut, timeout). Repeating the identical append is safe and exact.
 * - `refused`: nothing was written and the storage said so (busy, not ready, too large, stopped). `retryable` says whether
 *   later may be better.
 */
export type AppendOutcome =
  | { readonly kind: 'written'; readonly revision: Revision; readonly position: Position }
  | { readonly kind: 'conflict'; readonly actual: Revision }
  | { readonly kind: 'ambiguous'; readonly cause: unknown }
  | { readonly kind: 'refused'; readonly retryable: boolean; readonly cause: unknown }

export interface ReadStreamOptions {
  readonly direction?: 'forwards' | 'backwards'
  /** First revision to read, inclusive. Default: the start (forwards) or the end (backwards). */
  readonly from?: Revision
  readonly limit?: number
}

export interface ReadAllOptions {
  /** Exclusive: the first event read is the next after it. Default `BEGINNING`. */
  readonly after?: Position
  /** Only streams whose name starts with one of these. Default: all. */
  readonly prefixes?: readonly string[]
  readonly limit?: number
}

export interface SubscribeOptions {
  /** Exclusive. `'end'` starts behind the last event that is there when the subscription begins. */
  readonly after: Position | 'end'
  readonly prefixes?: readonly string[]
  /** How long a storage that has to be asked may let events wait for later ones, to be read together. Default 10. */
  readonly paceMs?: number
  readonly signal: AbortSignal
}

/** One step of a subscription. */
export type Followed =
  | { readonly kind: 'events'; readonly events: readonly RecordedEvent[] }
  /** Everything that was there has been handed over; sent once, and again after every fall behind. */
  | { readonly kind: 'caught-up' }

export interface Ledger {
  readonly name: 'postgres' | 'eventstoredb'
  append(stream: StreamName, events: readonly EventToAppend[], expected: Revision): Promise<AppendOutcome>
  /** Events of one stream in order. A stream that does not exist is empty. */
  readStream(stream: StreamName, options?: ReadStreamOptions): AsyncIterable<RecordedEvent>
  /** Events of all streams in position order, as of now; ends at the end. System streams (`$…`) are left out. */
  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>
  /**
   * Events of all streams, from `after` on and then as they are appended, each once, in order; of their metadata perhaps only
   * `recordedAt` and `schemaVersion`. Reads no further ahead than its own bounded buffer. Reconnects by itself, with backoff,
   * from the last event handed over; ends when `signal` aborts.
   */
  subscribe(options: SubscribeOptions): AsyncIterable<Followed>
  /** Position of the last event, or `BEGINNING`. */
  head(): Promise<Position>
  /** Resolves if the ledger answers; rejects with the reason if not. */
  ping(): Promise<void>
  /** Waits for appends under way, refuses new ones, ends subscriptions, closes connections. */
  close(): Promise<void>
}

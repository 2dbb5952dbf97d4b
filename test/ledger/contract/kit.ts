/** What the contract's tests share: events, names and collected reads. Asserts only what it needs to go on. */

import { randomUUID } from 'node:crypto'
import {
  type AppendOutcome,
  type EventToAppend,
  type Followed,
  type Ledger,
  type Metadata,
  NO_STREAM,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../../../ledger/ledger.ts'

/** A prefix no other test uses. */
export const uniquePrefix = (): string => `t${randomUUID().replaceAll('-', '')}-`

export const streamOf = (name: string): StreamName => name as StreamName
export const revisionOf = (n: number): Revision => n as Revision

interface Content {
  readonly id?: string
  readonly type?: string
  readonly data?: object
  readonly metadata?: Metadata
}

export function anEvent(n = 0, content: Content = {}): EventToAppend {
  const { id = randomUUID(), type = 'Counted', data = { n }, metadata = { schemaVersion: '1' } } = content
  return { id, type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) }
}

export const someEvents = (count: number, from = 0): EventToAppend[] =>
  Array.from({ length: count }, (_, i) => anEvent(from + i))

export type Written = Extract<AppendOutcome, { kind: 'written' }>

/** The outcome, which has to be `written`. */
export function written(outcome: AppendOutcome): Written {
  if (outcome.kind === 'written') return outcome
  const cause = 'cause' in outcome ? outcome.cause : undefined
  throw new Error(`expected written, got ${JSON.stringify(outcome.kind)}`, { cause })
}

/** Repeats the identical append while the answer is unknown or "later": what every caller of the contract may do. */
export async function settle(
  ledger: Ledger,
  stream: StreamName,
  events: readonly EventToAppend[],
  expected: Revision,
): Promise<AppendOutcome> {
  for (;;) {
    const outcome = await ledger.append(stream, events, expected)
    if (outcome.kind === 'ambiguous' || (outcome.kind === 'refused' && outcome.retryable)) continue
    return outcome
  }
}

/** Appends events one after another, each in an append of its own; returns their positions. */
export async function appendEach(ledger: Ledger, stream: StreamName, count: number): Promise<Position[]> {
  const positions: Position[] = []
  for (let n = 0; n < count; n++) {
    const expected = n === 0 ? NO_STREAM : revisionOf(n - 1)
    positions.push(written(await ledger.append(stream, [anEvent(n)], expected)).position)
  }
  return positions
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

export const idsOf = (events: readonly { readonly id: string }[]): string[] => events.map((e) => e.id)

export const strictlyGrowing = (positions: readonly bigint[]): boolean =>
  positions.every((p, i) => i === 0 || p > (positions[i - 1] ?? p))

/** A subscription that is read in the background, with waits for what a test expects of it. */
export interface Follower {
  /** Events handed over so far. */
  readonly events: RecordedEvent[]
  /** Number of events that had been handed over at each `caught-up`. */
  readonly caughtUpAt: number[]
  /** Resolves as soon as the condition holds; rejects when it does not within the time. */
  until(condition: () => boolean, withinMs?: number): Promise<void>
  /** Aborts and waits for the end. Rejects if the subscription failed. */
  stop(): Promise<void>
  /** Settles when the subscription ended. */
  readonly ended: Promise<void>
}

export interface FollowOptions {
  readonly after: Position | 'end'
  readonly prefixes?: readonly string[]
  /** Called with each step before the next is asked for: a slow consumer returns a slow promise. */
  readonly onStep?: (step: Followed) => Promise<void> | void
}

export function follow(ledger: Ledger, { after, prefixes, onStep }: FollowOptions): Follower {
  const abort = new AbortController()
  const events: RecordedEvent[] = []
  const caughtUpAt: number[] = []
  const waiting = new Set<() => void>()
  const read = async () => {
    const options = { after, signal: abort.signal, ...(prefixes ? { prefixes } : {}) }
    for await (const step of ledger.subscribe(options)) {
      if (step.kind === 'events') events.push(...step.events)
      else caughtUpAt.push(events.length)
      for (const check of waiting) check()
      await onStep?.(step)
    }
  }
  const ended = read()
  ended.catch(() => {})
  return {
    events,
    caughtUpAt,
    ended,
    until: (condition, withinMs = 10_000) =>
      new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(timer)
          waiting.delete(check)
        }
        const check = () => {
          if (!condition()) return
          done()
          resolve()
        }
        const timer = setTimeout(() => {
          done()
          reject(
            new Error(`not within ${withinMs} ms; ${events.length} events, caught up ${caughtUpAt.length}×`),
          )
        }, withinMs)
        waiting.add(check)
        ended.catch(reject)
        check()
      }),
    stop: () => {
      abort.abort()
      return ended
    },
  }
}

/**
 * Keeps the search index behind the ledger, on its own and without haste: no tick waits for it, and whatever happens to it
 * happens to nobody else.
 *
 *   standby   another process has the lock. Asks for it → following
 *   following takes up the index where it stands, and follows the ledger from there
 *             → standby, after a pause, when the connection is lost, the index was emptied, or anything fails
 *   stopped   by `stop`, from anywhere
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { decode, UndecodableEvent } from '../../ledger/codec/decode.ts'
import type { Ledger, Position, RecordedEvent } from '../../ledger/ledger.ts'
import { MESSAGE_PREFIXES } from '../../ledger/streams.ts'
import type { Logger } from '../../runtime/logging.ts'
import { classify } from '../engine/failures.ts'
import { acquireOwnership, type Ownership } from '../engine/ownership.ts'
import { createPatientWaiter } from '../queries/projection-waiter.ts'
import { type EntryDeps, indexEntries, NO_ENTRIES, type Placed, UnindexableMessage } from './index-entries.ts'
import { IndexEmptied, takeUpIndex, writeIndex } from './write-index.ts'

export interface FollowerDeps extends EntryDeps {
  readonly databaseUrl: string
  readonly pool: pg.Pool
  readonly ledger: Ledger
  readonly log: Logger
}

export interface SearchFollower {
  /** Lets the transaction under way finish. */
  stop(): Promise<void>
}

/** Events at a time: few enough that preparing them keeps nobody on this thread waiting for more than some milliseconds. */
const BATCH_EVENTS = 100
/** It rests so many times as long as it has worked: a quarter of a processor at most, however far behind it is. */
const REST = 3
/** At most: where a batch took long because this process stood still, that was no work. */
const MOST_REST_MS = 1_000
/** With less than a batch to do it waits for more: a transaction has its price, whatever is in it. */
const GATHER_MS = 200
const PATIENCE_MS = 1_000
const AFTER_TROUBLE_MS = 500
const AFTER_FAILURE_MS = 10_000

export function startSearchFollower(deps: FollowerDeps): SearchFollower {
  const { databaseUrl, pool, ledger, log, lexemes } = deps
  const stopping = new AbortController()
  const { signal: stop } = stopping
  const waiter = createPatientWaiter(pool)

  /** For the read models, since the batch began: no work, and so no reason to rest. */
  let waitedMs = 0

  async function live(): Promise<void> {
    while (!stop.aborted) {
      let pause = 0
      const ownership = await acquireOwnership(databaseUrl, 'search', stop).catch((err: unknown) => {
        log.error({ err }, 'the search index cannot be taken up')
        pause = AFTER_FAILURE_MS
      })
      if (ownership) {
        try {
          await follow(ownership, AbortSignal.any([stop, ownership.lost]))
        } catch (err) {
          const transient =
            ownership.lost.aborted || err instanceof IndexEmptied || classify(err) === 'transient'
          log[transient ? 'warn' : 'error']({ err }, 'the search index stands still and is taken up again')
          pause = transient ? AFTER_TROUBLE_MS : AFTER_FAILURE_MS
        } finally {
          await ownership.release().catch(() => {})
        }
      }
      await sleep(pause, undefined, { signal: stop }).catch(() => {})
    }
  }

  async function follow(ownership: Ownership, signal: AbortSignal): Promise<void> {
    const after = await takeUpIndex(ownership, lexemes.fingerprint)
    for await (const step of ledger.subscribe({
      after,
      prefixes: MESSAGE_PREFIXES,
      paceMs: GATHER_MS,
      signal,
    })) {
      if (step.kind === 'caught-up') continue
      for (let from = 0; from < step.events.length && !signal.aborted; from += BATCH_EVENTS) {
        const events = step.events.slice(from, from + BATCH_EVENTS)
        const began = performance.now()
        waitedMs = 0
        await index(ownership, events, signal)
        const worked = performance.now() - began - waitedMs
        const due = Math.min(worked * REST, MOST_REST_MS)
        const rest = events.length < BATCH_EVENTS ? Math.max(GATHER_MS, due) : due
        await sleep(rest, undefined, { signal }).catch(() => {})
      }
      if (signal.aborted) return
    }
  }

  /** Who is a member, and may be mentioned, is known from the read models: then these come first. */
  async function projected(position: Position, signal: AbortSignal): Promise<void> {
    const began = performance.now()
    try {
      while (!signal.aborted && !(await waiter.waitFor(position, PATIENCE_MS)));
    } finally {
      waitedMs += performance.now() - began
    }
  }

  /**
   * What cannot be indexed for a reason of its own is left out, so that one message does not stop the search of all. Whatever else
   * fails says nothing about the message (a pool that has no connection to give, a table that is not there): the follower
   * pauses, and goes on from where the index stands.
   */
  async function index(
    ownership: Ownership,
    events: readonly RecordedEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const last = events.at(-1) as RecordedEvent
    try {
      const entries = await indexEntries(deps, placedOf(events))
      if (entries.mentions.length > 0) await projected(last.position, signal)
      if (!signal.aborted) await writeIndex(ownership, entries, last.position)
    } catch (err) {
      const isOfTheMessage = err instanceof UnindexableMessage || classify(err) === 'poison'
      if (ownership.lost.aborted || !isOfTheMessage) throw err
      if (events.length === 1) {
        log.error({ err, position: String(last.position) }, 'a message cannot be searched: it is left out')
        await writeIndex(ownership, NO_ENTRIES, last.position)
        return
      }
      const half = Math.ceil(events.length / 2)
      await index(ownership, events.slice(0, half), signal)
      await index(ownership, events.slice(half), signal)
    }
  }

  const finished = live()
  return {
    async stop() {
      stopping.abort()
      await finished
    },
  }
}

/** Without those that the engine parks. */
function placedOf(events: readonly RecordedEvent[]): Placed[] {
  return events.flatMap((recorded) => {
    try {
      return [{ event: decode(recorded), position: recorded.position }]
    } catch (error) {
      if (error instanceof UndecodableEvent) return []
      throw error
    }
  })
}

/**
 * The commands of one stream, one after another: decided on the state in memory, appended together, then answered. Under
 * load the batches grow by themselves, because whatever arrives during an append waits for the next.
 *
 *   idle ──submit──▶ running: take → load → decide → seal → append ──written──▶ answer ──queue empty──▶ idle
 *                                    ▲      │           │
 *                                    │◀─────┘ some of those that were merged have to be refused: each by itself
 *                                    └─read the tail──conflict (for at most CONFLICT_PATIENCE_MS); where the stream ends
 *                                                     before what was loaded of it: load, from the beginning if need be
 *
 * Of several nodes that write into one stream, the one that has just won could go on winning: it knows the state, the others
 * have to read it first. So a lane that met another writer of late leaves a gap after each append, in which another gets its
 * turn; what arrives meanwhile makes the next batch larger. (4 nodes with 4 writers each in one conversation: without the gap
 * 1 in 80 sends met more than 5 conflicts in a row, with it none more than 8.)
 *
 * The state in memory changes only when the append is durable. A rejection may come of a state that another process has
 * left behind, so the tail is read once before anybody is refused, unless the state was loaded for this very batch. A batch
 * whose state would have to be loaded where too many wait for that (`stream-reads.ts`) is answered `overloaded`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Decision, NeedsMessage, Rejected } from '../../domain/decision.ts'
import type { EncodedEvent } from '../codec/encode.ts'
import { chain } from '../hash-chain.ts'
import type { EventToAppend, Position, Revision } from '../ledger.ts'
import { appendSurely } from './append-surely.ts'
import { type Group, inOrder, lastOf, split } from './groups.ts'
import { StillInConflict } from './still-in-conflict.ts'
import { type Folded, nothingYet } from './stream-fold.ts'
import { TooManyReads } from './stream-reads.ts'
import { createStreamState, type StreamStateDeps } from './stream-state.ts'

export type Handled<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | Rejected
  | { readonly kind: 'needs-message'; readonly upTo: Position; readonly asked: NeedsMessage }
  /** So much waits in this lane, or to be read, that more is not taken; sending it again later is safe. */
  | { readonly kind: 'overloaded' }
  /** Nobody knows yet whether it was written, or it could not be; sending it again is safe. */
  | { readonly kind: 'unavailable'; readonly cause: unknown }

export interface LaneDeps<State, Event, Unsealed, Command, Result> extends StreamStateDeps<State, Event> {
  /** Decides on the draft state of this lane; `fresh` asks it to bring whatever else it looks at up to date. */
  prepare(fresh: boolean): Promise<(command: Command, draft: State) => Decision<Unsealed, Result>>
  /** Whether by what `prepare` looked at nothing can be in this stream: then it is not read. */
  isEmpty?(): boolean
  /**
   * Commands that one event answers are merged before they are decided, in the place of the last of them. In a group each reaches at least
   * as far as the one before it: what a state refuses of it are its first or its last.
   */
  merge(commands: readonly Command[]): readonly Group[]
  /** Estimated bytes of the events that this command may cause. */
  weigh(command: Command): number
  /** Bodies sealed, envelope made; the chain is added here. */
  encode(event: Unsealed, command: Command, index: number): EncodedEvent | Promise<EncodedEvent>
  /** Called once the events are durable, before the callers are answered. Must not throw. */
  committed(events: readonly Unsealed[], before: Folded<State>, after: Folded<State>): void
  /** Called with encoded events that are certainly not in the ledger. Must not throw. */
  discarded?(events: readonly EventToAppend[]): void
}

export interface Lane<State, Command, Result> {
  submit(command: Command): Promise<Handled<Result>>
  /** Resolves when everything that was submitted so far has its answer. */
  settled(): Promise<unknown>
  /** The durable state; `fresh` reads the tail first. */
  current(fresh: boolean): Promise<Folded<State>>
  /** The same, as far as it is in memory. */
  readonly durable: State | undefined
  /** What other processes appended may not have been told: the next `current` reads the tail. */
  outdate(): void
}

interface Waiting<Command, Result> {
  readonly command: Command
  readonly bytes: number
  answer(handled: Handled<Result>): void
}

/** By time, not by number: of n nodes that try at once, n - 1 meet a conflict each time. */
const CONFLICT_PATIENCE_MS = 15_000
const CONFLICT_PAUSE_MS = 5
const MAX_CONFLICT_PAUSE_MS = 50
/** How long after a conflict another writer is taken to be about. */
const CONTENDED_MS = 1_000
const MAX_GAP_MS = 50
/** Below the ledger's limits of 500 events and 512 KiB an append, with room for the estimate to be wrong. */
const MAX_BATCH_COMMANDS = 240
const MAX_BATCH_BYTES = 400 * 1024
/** What may wait in one lane: some 40 batches, a second or two of a ledger that is slow. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024

export function createLane<State, Event, Unsealed, Command, Result>(
  deps: LaneDeps<State, Event, Unsealed, Command, Result>,
): Lane<State, Command, Result> {
  const { ledger, stream, fold } = deps
  const state = createStreamState(deps)
  let queue: Waiting<Command, Result>[] = []
  let queuedBytes = 0
  let running = false
  /** What was submitted last: what came before it is answered before it, or with it. */
  let latest: Promise<unknown> = Promise.resolve()
  let contendedUntil = 0

  async function run(): Promise<void> {
    // The commands of this tick join the first batch.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = take()
      try {
        const began = performance.now()
        await handle(batch)
        const took = performance.now() - began
        if (began + took < contendedUntil) await sleep(Math.min(took * 2, MAX_GAP_MS) * Math.random())
      } catch (cause) {
        const handled = failed(cause)
        for (const { answer } of batch) answer(handled)
      }
    }
    running = false
  }

  function failed(cause: unknown): Handled<Result> {
    // What was not read was not decided by, so nothing of it was written.
    if (cause instanceof TooManyReads) return { kind: 'overloaded' }
    deps.report(cause)
    state.forget()
    return { kind: 'unavailable', cause }
  }

  function take(): Waiting<Command, Result>[] {
    let bytes = 0
    let count = 0
    for (const waiting of queue) {
      bytes += waiting.bytes
      if (count > 0 && (bytes > MAX_BATCH_BYTES || count >= MAX_BATCH_COMMANDS)) break
      count++
    }
    const batch = queue.slice(0, count)
    queue = queue.slice(count)
    for (const waiting of batch) queuedBytes -= waiting.bytes
    return batch
  }

  async function handle(batch: readonly Waiting<Command, Result>[]): Promise<void> {
    let groups = deps.merge(batch.map(({ command }) => command))
    const deadline = performance.now() + CONFLICT_PATIENCE_MS
    let refreshed = false
    /** Loaded since these commands came: they have nothing to learn of the tail. */
    let isReadNow = false
    for (let conflicts = 0; ; ) {
      // 1. What else it is decided by, the state as it is durable, and a draft to decide on.
      const decide = await deps.prepare(refreshed)
      const isEmpty = deps.isEmpty?.() === true
      if (!isEmpty && state.isUnread) isReadNow = true
      const durable = isEmpty ? nothingYet(fold) : await state.load()
      const draft = fold.draft(durable.state)

      // 2. Decide one after another. The last of a group stands for all: it reaches furthest. But where the first, which reaches
      // least, has to be refused by what is durable already, each is decided by itself.
      const commandAt = (index: number) => (batch[index] as Waiting<Command, Result>).command
      const isRefusedInPart = (group: Group) =>
        group.length > 1 && decide(commandAt(group[0] as number), durable.state).kind === 'rejected'
      const decideGroup = (group: Group) => {
        const command = commandAt(lastOf(group))
        const decision = decide(command, draft)
        if (decision.kind === 'accepted') for (const event of decision.events) evolve(draft, event)
        return { group, command, decision }
      }
      const decided = inOrder(split(groups, isRefusedInPart)).map(decideGroup)
      if (!refreshed && decided.some(({ decision }) => needsFreshState(decision))) {
        refreshed = true
        if (!isEmpty && !isReadNow) await state.refresh()
        continue
      }
      const refused = new Set(decided.filter(isRefusedTogether).map(({ group }) => group))
      if (refused.size > 0) {
        groups = split(groups, (group) => refused.has(group))
        continue
      }

      // 3. Append what was accepted, and wait until it is durable.
      const events: Unsealed[] = []
      const encoded: (EncodedEvent | Promise<EncodedEvent>)[] = []
      let allAtHand = true
      for (const { command, decision } of decided) {
        if (decision.kind !== 'accepted') continue
        for (const [index, event] of decision.events.entries()) {
          const one = deps.encode(event, command, index)
          if (one instanceof Promise) allAtHand = false
          events.push(event)
          encoded.push(one)
        }
      }
      if (events.length > 0) {
        const ready = allAtHand ? (encoded as EncodedEvent[]) : await Promise.all(encoded)
        const chained = chainAll(durable, ready)
        const outcome = await appendSurely(ledger, stream, chained.events, durable.revision)
        if (outcome.kind === 'conflict' || outcome.kind === 'refused') deps.discarded?.(chained.events)
        if (outcome.kind === 'conflict') {
          const now = performance.now()
          contendedUntil = now + CONTENDED_MS
          if (++conflicts > 1) {
            if (now > deadline) throw new StillInConflict(conflicts)
            await sleep(Math.random() * Math.min(MAX_CONFLICT_PAUSE_MS, CONFLICT_PAUSE_MS * conflicts))
          }
          // A stream that ends before what is remembered of it was put back to an earlier state: nothing of it can be added to.
          if (outcome.actual < durable.revision) state.forget()
          else await state.refresh()
          continue
        }
        if (outcome.kind !== 'written') throw outcome.cause
        const { revision, position } = outcome
        const now = { state: draft, revision, hash: chained.hash, position }
        state.advance(now)
        deps.committed(events, durable, now)
        state.snapshotIfDue()
      }

      // 4. Answer.
      for (const { group, decision } of decided) {
        const handled = toHandled(decision, (state.folded ?? durable).position)
        for (const index of group) batch[index]?.answer(handled)
      }
      return
    }
  }

  /** Deciders produce what the fold reads, but for the body, which no fold looks at. */
  const evolve = (draft: State, event: Unsealed) => fold.evolve(draft, event as unknown as Event)

  function chainAll(durable: Folded<State>, events: readonly EncodedEvent[]) {
    let { revision, hash } = durable
    const chained = events.map((event) => {
      revision = (revision + 1) as Revision
      const link = chain(stream, revision, hash, event)
      hash = link.hash
      return link.event
    })
    return { events: chained, hash }
  }

  return {
    submit: (command) => {
      const bytes = deps.weigh(command)
      if (queuedBytes + bytes > MAX_QUEUED_BYTES) return Promise.resolve({ kind: 'overloaded' })
      queuedBytes += bytes
      const handled = new Promise<Handled<Result>>((answer) => {
        queue.push({ command, bytes, answer })
      })
      latest = handled
      if (!running) {
        running = true
        run()
      }
      return handled
    },
    settled: () => latest,
    current: state.current,
    outdate: state.outdate,
    get durable() {
      return state.folded?.state
    },
  }
}

/** Answers that another process's facts might turn round. */
const needsFreshState = (decision: Decision<unknown, unknown>): boolean =>
  decision.kind === 'rejected' || (decision.kind === 'already-done' && decision.ifFresh === true)

/** Then each is decided by itself: they need not all be wrong. */
const isRefusedTogether = (decided: {
  readonly group: Group
  readonly decision: Decision<unknown, unknown>
}): boolean => decided.decision.kind === 'rejected' && decided.group.length > 1

function toHandled<Result>(decision: Decision<unknown, Result>, upTo: Position): Handled<Result> {
  switch (decision.kind) {
    case 'accepted':
    case 'already-done':
      return { kind: 'done', result: decision.result }
    case 'rejected':
      return decision
    case 'needs-message':
      return { kind: 'needs-message', upTo, asked: decision }
    default:
      return decision satisfies never
  }
}

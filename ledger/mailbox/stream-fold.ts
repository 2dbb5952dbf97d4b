/** The state of one stream in memory: loaded from a snapshot plus the tail, brought up to date by reading the tail again. */
import { decodeAny } from '../codec/decode.ts'
import { GENESIS_HASH } from '../hash-chain.ts'
import {
  BEGINNING,
  type Ledger,
  NO_STREAM,
  type Position,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../ledger.ts'
import type { Snapshots } from '../snapshots.ts'

/** How a kind of stream is folded. */
export interface Fold<State, Event> {
  readonly stateVersion: number
  initial(): State
  /** A copy to fold into while the original stays as it is. */
  draft(state: State): State
  evolve(state: State, event: Event): State
}

/** A state and the place in its stream that it stands for. */
export interface Folded<State> {
  readonly state: State
  readonly revision: Revision
  /** `hash` of the event at `revision`: the `prevHash` of the next. */
  readonly hash: string
  /** At or after the position of the event at `revision`. */
  readonly position: Position
}

interface SnapshotContent<State> {
  readonly state: State
  readonly hash: string
  readonly position: string
}

/** An event of a stream is missing, or is not the one that the event before it was followed by. No reader may go on from there. */
export class BrokenChain extends Error {
  override readonly name = 'BrokenChain'
}

/** A longer tail than this is worth a snapshot: reading 500 events takes about 5 ms. */
export const SNAPSHOT_EVERY = 500

export interface FoldDeps {
  readonly ledger: Ledger
  readonly snapshots: Snapshots
}

export async function loadFold<State, Event>(
  { ledger, snapshots }: FoldDeps,
  stream: StreamName,
  fold: Fold<State, Event>,
): Promise<{ readonly folded: Folded<State>; readonly snapshotAt: Revision }> {
  const snapshot = await snapshots.load<SnapshotContent<State>>(stream, fold.stateVersion)
  if (snapshot) {
    const { state, revision } = snapshot
    const start = { ...state, revision, position: BigInt(state.position) as Position }
    const folded = await readOn(ledger, stream, fold, start, revision)
    if (folded) return { folded, snapshotAt: revision }
    await snapshots.drop(stream)
  }
  return { folded: await readTail(ledger, stream, fold, nothingYet(fold)), snapshotAt: NO_STREAM }
}

/** What a stream is folded to that holds nothing. */
export const nothingYet = <State, Event>(fold: Fold<State, Event>): Folded<State> => ({
  state: fold.initial(),
  revision: NO_STREAM,
  hash: GENESIS_HASH,
  position: BEGINNING,
})

/**
 * Folds what came after `folded`; returns `folded` itself when nothing did.
 * @throws BrokenChain, UndecodableEvent
 */
export async function readTail<State, Event>(
  ledger: Ledger,
  stream: StreamName,
  fold: Fold<State, Event>,
  folded: Folded<State>,
): Promise<Folded<State>> {
  return (await readOn(ledger, stream, fold, folded, (folded.revision + 1) as Revision)) as Folded<State>
}

/**
 * Folds what came after `start`. Begun with the event that `start` stands for, it is `undefined` where the stream holds another in
 * its place, or none: the ledger was put back to an earlier state than the snapshot's, which knows of events that are no more.
 * That costs one event more to read, and no question more.
 */
async function readOn<State, Event>(
  ledger: Ledger,
  stream: StreamName,
  fold: Fold<State, Event>,
  start: Folded<State>,
  from: Revision,
): Promise<Folded<State> | undefined> {
  let current = start
  let isConfirmed = from > start.revision
  for await (const recorded of ledger.readStream(stream, { from })) {
    if (!isConfirmed) {
      if (recorded.revision !== start.revision || recorded.metadata.hash !== start.hash) return undefined
      isConfirmed = true
      continue
    }
    refuseBroken(current, recorded)
    const state = current === start ? fold.draft(start.state) : current.state
    current = {
      state: fold.evolve(state, decodeAny(recorded) as Event),
      revision: recorded.revision,
      hash: recorded.metadata.hash as string,
      position: recorded.position,
    }
  }
  return isConfirmed ? current : undefined
}

/**
 * Two comparisons an event. Whether its hash is that of its content is not computed here: that takes as long as decoding and folding it.
 * @throws BrokenChain
 */
function refuseBroken(
  { revision, hash }: Pick<Folded<unknown>, 'revision' | 'hash'>,
  { stream, revision: found, position, metadata }: RecordedEvent,
): void {
  if (found === revision + 1 && metadata.prevHash === hash && metadata.hash !== undefined) return
  const what =
    found === revision + 1
      ? 'its hashes are not those of an event that was appended there'
      : `revision ${revision + 1} was to come`
  throw new BrokenChain(
    `the chain of ${stream} is broken at revision ${found} (position ${position}): ${what}`,
  )
}

export const snapshotOf = <State>({ state, revision, hash, position }: Folded<State>) => ({
  revision,
  state: { state, hash, position: String(position) } satisfies SnapshotContent<State>,
})

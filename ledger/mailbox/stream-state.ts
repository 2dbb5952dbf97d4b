/**
 * What a lane remembers of its stream: loaded when it is first asked for, brought up to date by the tail, never ahead of what is durable.
 *
 *   unread ──load──▶ loaded ──advance, refresh──▶ loaded
 *                      └──forget, or the tail does not follow──▶ unread
 */
import { oneBehind } from '../../runtime/one-behind.ts'
import { NO_STREAM, type StreamName } from '../ledger.ts'
import {
  BrokenChain,
  type Fold,
  type FoldDeps,
  type Folded,
  loadFold,
  readTail,
  SNAPSHOT_EVERY,
  snapshotOf,
} from './stream-fold.ts'
import type { StreamReads } from './stream-reads.ts'

export interface StreamStateDeps<State, Event> extends FoldDeps {
  readonly stream: StreamName
  readonly fold: Fold<State, Event>
  /** Shared by all lanes that anybody may name. */
  readonly reads?: StreamReads
  /** A tail longer than this is worth a snapshot. */
  readonly snapshotEvery?: number
  /** Called with what cannot be answered to a caller. */
  report(error: unknown): void
}

export interface StreamState<State> {
  /** What is in memory. */
  readonly folded: Folded<State> | undefined
  /** Nothing is in memory or on its way there: a load would begin now, and read what is there by then. */
  readonly isUnread: boolean
  /** @throws TooManyReads where too many wait to read; whatever the ledger throws. */
  load(): Promise<Folded<State>>
  /** Reads the tail. @throws TooManyReads; BrokenChain where it does not follow what is remembered, which is forgotten then. */
  refresh(): Promise<void>
  /** The durable state; `fresh` reads the tail first, and so does whatever comes after `outdate`. */
  current(fresh: boolean): Promise<Folded<State>>
  /** This lane has appended. */
  advance(folded: Folded<State>): void
  /** Saves one, if the tail behind the last has become long. */
  snapshotIfDue(): void
  /** What other processes appended may not have been told. */
  outdate(): void
  forget(): void
}

export function createStreamState<State, Event>(deps: StreamStateDeps<State, Event>): StreamState<State> {
  const { ledger, snapshots, stream, fold, reads = UNCOUNTED, snapshotEvery = SNAPSHOT_EVERY } = deps
  let folded: Folded<State> | undefined
  let loading: ReturnType<typeof loadFold<State, Event>> | undefined
  let snapshotAt = NO_STREAM
  /** How often it was said that others may have appended, and which of these the tail that was read last covers. */
  let outdated = 0
  let covered = 0

  const isUnread = (): boolean => folded === undefined && loading === undefined

  async function load(): Promise<Folded<State>> {
    if (folded) return folded
    loading ??= reads
      .load(() => loadFold(deps, stream, fold))
      .finally(() => {
        loading = undefined
      })
    const loaded = await loading
    if (folded) return folded
    folded = loaded.folded
    snapshotAt = loaded.snapshotAt
    // Also where nothing is appended: whoever asks next reads no long tail again.
    snapshotIfDue()
    return folded
  }

  /** Joined by all who ask before it begins: who comes and goes in a large group is told by the hundred. */
  const refresh = oneBehind(async () => {
    const covers = outdated
    try {
      if (isUnread()) await load()
      else await readWhatIsNew()
    } catch (error) {
      // Who asked knew of something that is not read yet: whoever looks next reads it.
      outdated++
      throw error
    }
    covered = covers
  })

  async function readWhatIsNew(): Promise<void> {
    const before = await load()
    try {
      const now = await reads.refresh(() => readTail(ledger, stream, fold, before))
      // Of an append that was answered meanwhile, and of this read, whichever goes further. Where it was read anew, that is newer.
      const isAdvanced = folded && folded.revision > before.revision && now.revision > folded.revision
      if (folded === before || isAdvanced) folded = now
    } catch (error) {
      // What is remembered may be of a stream that was put back to an earlier state: the next look goes by what is stored.
      if (error instanceof BrokenChain && folded === before) folded = undefined
      throw error
    }
  }

  function snapshotIfDue(): void {
    if (!folded || folded.revision - snapshotAt < snapshotEvery) return
    snapshotAt = folded.revision
    snapshots.save(stream, fold.stateVersion, snapshotOf(folded)).catch(deps.report)
  }

  return {
    get folded() {
      return folded
    },
    get isUnread() {
      return isUnread()
    },
    load,
    refresh,
    current: async (fresh) => {
      if (fresh || covered !== outdated) await refresh()
      return load()
    },
    advance: (now) => {
      // While an append was repeated, because nobody knew whether it was written, a refresh may have read it and what came after it.
      if (!folded || now.revision > folded.revision) folded = now
    },
    snapshotIfDue,
    outdate: () => {
      outdated++
    },
    forget: () => {
      folded = undefined
    },
  }
}

const UNCOUNTED: StreamReads = { load: (read) => read(), refresh: (read) => read() }

/** The simulator's transaction log: all events in memory, and the server's rules for appending. Speaks no protocol. */

export interface Proposed {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

export interface Recorded extends Proposed {
  readonly stream: string
  readonly revision: number
  /** Commit and prepare position in one: an event written by today's server commits itself. */
  readonly position: number
  /** Milliseconds. */
  readonly created: number
}

/** What a writer may expect of the stream: a revision, -1 for no stream, or one of the loose kinds. */
export type Expected = number | 'any' | 'stream-exists'

export type Commit =
  | { readonly kind: 'success'; readonly revision: number; readonly position: number }
  | { readonly kind: 'wrong-expected-version'; readonly actual: number }
  | { readonly kind: 'deleted' }

/** Called after each append with the index of its first event; the log ends with its last. */
type Listener = (firstIndex: number) => void

export interface Log {
  /** In order of position. */
  readonly events: readonly Recorded[]
  stream(name: string): readonly Recorded[]
  isDeleted(name: string): boolean
  append(stream: string, events: readonly Proposed[], expected: Expected): Commit
  /** A tombstone: the stream takes no event ever again, and reads as deleted. */
  tombstone(stream: string, expected: Expected): Commit
  /** Index of the first event at or behind the position. */
  indexAt(position: bigint): number
  listen(listener: Listener): () => void
}

const NONE: readonly Recorded[] = []

/** As `Event.SizeOnDisk` counts: bytes, and two for each character of the type. */
export const sizeOnDisk = (event: Proposed): number =>
  event.data.length + event.metadata.length + 2 * event.type.length

export function createLog(): Log {
  const events: Recorded[] = []
  const streams = new Map<string, Recorded[]>()
  const deleted = new Set<string>()
  const listeners = new Set<Listener>()
  // A log begins with an epoch record; no event is ever at position 0.
  let end = 197

  const write = (stream: string, proposed: readonly Proposed[]): Commit => {
    const own = streams.get(stream) ?? []
    streams.set(stream, own)
    const first = events.length
    const created = Date.now()
    let position = end
    for (const event of proposed) {
      position = end
      const recorded = { ...event, stream, revision: own.length, position, created }
      own.push(recorded)
      events.push(recorded)
      end += sizeOnDisk(event) + 2 * stream.length + 97
    }
    for (const listener of listeners) listener(first)
    return { kind: 'success', revision: own.length - 1, position }
  }

  /**
   * `IndexWriter.CheckCommit` with an explicit revision: ids are compared with the events right behind that revision,
   * and nowhere else. So the same ids at a correct newer revision are written twice, as by the real server.
   */
  const checkEarlier = (
    own: readonly Recorded[],
    proposed: readonly Proposed[],
    expected: number,
  ): Commit => {
    const same = proposed.every((event, i) => own[expected + 1 + i]?.id === event.id)
    const last = own[expected + proposed.length]
    if (!same || last === undefined) return { kind: 'wrong-expected-version', actual: own.length - 1 }
    return { kind: 'success', revision: last.revision, position: last.position }
  }

  const check = (stream: string, proposed: readonly Proposed[], expected: Expected): Commit | undefined => {
    if (deleted.has(stream)) return { kind: 'deleted' }
    const own = streams.get(stream) ?? NONE
    const actual = own.length - 1
    // The real server also keeps some minutes of recent ids for these two; nothing of ours may count on it.
    if (expected === 'any') return undefined
    if (expected === 'stream-exists')
      return actual < 0 ? { kind: 'wrong-expected-version', actual } : undefined
    if (expected === actual) return undefined
    return expected < actual
      ? checkEarlier(own, proposed, expected)
      : { kind: 'wrong-expected-version', actual }
  }

  return {
    events,
    stream: (name) => streams.get(name) ?? NONE,
    isDeleted: (name) => deleted.has(name),
    append: (stream, proposed, expected) => check(stream, proposed, expected) ?? write(stream, proposed),
    tombstone(stream, expected) {
      const failed = check(stream, [], expected)
      if (failed !== undefined && failed.kind !== 'success') return failed
      deleted.add(stream)
      return { kind: 'success', revision: -1, position: end }
    },
    indexAt(position) {
      let [low, high] = [0, events.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (BigInt(events[middle]?.position ?? 0) < position) low = middle + 1
        else high = middle
      }
      return low
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/**
 * The newest pages of the ledger, read once for all who follow it in a process: read models, search and delivery read the same events at
 * about the same time, and each page costs Postgres and Node as much as writing it did. Whoever is behind what is kept reads by itself.
 *
 *   empty    nobody is at the end yet → kept, where the first who gets there stands
 *   kept     (from, to]: every event of these positions, whatever its stream. A read adds what came behind `to`; the oldest pages go once
 *            there are too many → empty when a read fails or takes too long, when the doorbell's connection ends, and when the ledger ends before
 *            what is kept: the server may have become another, or have been put back
 */
import { coalesce } from '../../runtime/coalesce.ts'
import { inTime } from '../../runtime/in-time.ts'
import type { Position, RecordedEvent } from '../ledger.ts'
import { higher } from '../positions.ts'

/** What a follower gets of one look. */
export interface Page {
  readonly events: readonly RecordedEvent[]
  /** Of the streams that it follows there is nothing else up to here. */
  readonly to: Position
  /** There may be more already. */
  readonly more: boolean
}

export interface ReadPage {
  readonly events: readonly RecordedEvent[]
  /** About as many bytes as Postgres sent for them. */
  readonly bytes: number
}

/** How one follower reads. */
export interface TailReads {
  /** The next events of all streams. */
  all(after: Position): Promise<ReadPage>
  /** Position of the last event of all. */
  head(): Promise<Position>
  /** The next page of the streams that it follows, as it is read by who is behind. */
  own(after: Position): Promise<Page>
  /** Whether it follows the stream of an event. */
  follows(event: RecordedEvent): boolean
}

export interface Tail {
  page(after: Position, reads: TailReads): Promise<Page>
  /** Begins anew: of what is kept nobody knows whether it is still true. */
  forget(): void
}

export interface TailRoom {
  readonly events: number
  readonly bytes: number
}

/** Rows of one read, and of what a follower gets at a time. Bounds the memory of every follower: 500 events of at most 64 KiB. */
export const PAGE = 500
/** The connection that reads is one of those who asked: the others wait no longer for it, and read by themselves. */
const PATIENCE_MS = 2_000
/** Some 0.4 s at the full speed of one ledger, of events of 1 KB. */
const ROOM: TailRoom = { events: 2_500, bytes: 4 * 1024 * 1024 }

interface Kept {
  readonly events: RecordedEvent[]
  bytes: number
  to: Position
}

export function createTail({ events: mostEvents, bytes: mostBytes }: TailRoom = ROOM): Tail {
  let from: Position | undefined
  let to: Position | undefined
  /** Each of a page at most, so that there are few, however little came at a time. */
  let pages: Kept[] = []
  let count = 0
  let size = 0

  function begin(at: Position | undefined): void {
    from = to = at
    pages = []
    count = size = 0
  }

  const forget = (): void => begin(undefined)

  /** One read for all who ask before it begins. Answers whether there may be more. */
  const extended = coalesce<TailReads, boolean>(Number.MAX_SAFE_INTEGER, async ([reads]) => {
    const after = to
    if (after === undefined || !reads) return true
    const read = await reads.all(after)
    const isPutBack = read.events.length === 0 && (await reads.head()) < after
    // Begun anew somewhere else meanwhile: whoever waited looks again.
    if (to !== after) return true
    if (isPutBack) forget()
    else keep(read)
    return isPutBack || read.events.length === PAGE
  })

  function keep({ events, bytes }: ReadPage): void {
    const last = events.at(-1)
    if (!last) return
    to = last.position
    const newest = pages.at(-1)
    if (newest && newest.events.length + events.length <= PAGE) {
      newest.events.push(...events)
      newest.bytes += bytes
      newest.to = to
    } else {
      pages.push({ events: [...events], bytes, to })
    }
    count += events.length
    size += bytes
    // All of them, where the newest alone takes more.
    while (count > mostEvents || size > mostBytes) {
      const oldest = pages.shift() as Kept
      count -= oldest.events.length
      size -= oldest.bytes
      from = oldest.to
    }
  }

  /** Undefined if something that it has not read is not kept. */
  function kept(after: Position, { follows }: TailReads): RecordedEvent[] | undefined {
    if (from === undefined || to === undefined || after < from) return undefined
    if (after >= to) return []
    return pages.flatMap((page) =>
      page.to <= after ? [] : page.events.filter((event) => event.position > after && follows(event)),
    )
  }

  async function behind(after: Position, reads: TailReads): Promise<Page> {
    const page = await reads.own(after)
    if (!page.more && to === undefined) begin(page.to)
    return page
  }

  return {
    forget,
    async page(after, reads) {
      // Nobody has read for so long that what lies between is more than would be kept.
      if (to !== undefined && after - to > mostEvents) begin(after)
      const there = kept(after, reads)
      if (!there) return behind(after, reads)
      let more = true
      if (there.length < PAGE) {
        try {
          more = await inTime(PATIENCE_MS, extended.add(reads))
        } catch {
          // Of this one's own read it is told whether it can read at all.
          forget()
        }
      }
      const events = kept(after, reads)
      // Who stands behind the end that was just read has read what is there no more: the ledger was put back.
      const isAhead = !more && to !== undefined && after > to
      if (!events || isAhead) return behind(after, reads)
      const last = events[PAGE - 1]
      if (last) return { events: events.slice(0, PAGE), to: last.position, more: true }
      return { events, to: higher(after, to as Position), more }
    },
  }
}

/**
 * The newest pages of the ledger, read once for all who follow it in a process: read models, search and delivery read the same events at
 * about the same time, and each page costs Postgres and Node as much as writing it did. Whoever is behind what is kept reads by itself.
 *
 *   empty    nobody is at the end yet → kept, where the first who gets there stands
 *   kept     (from, to]: every event of these positions, whatever its stream. A read adds what came behind `to`; the oldest pages go once
 *            there are too many → empty when a read fails, for nobody knows then what the server has become, and when the ledger was put back
 */
import { coalesce } from '../../runtime/coalesce.ts'
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
}

export interface TailRoom {
  readonly events: number
  readonly bytes: number
}

/** Rows of one read, and of what a follower gets at a time. Bounds the memory of every follower: 500 events of at most 64 KiB. */
export const PAGE = 500
/** Some 0.4 s at the full speed of one ledger, of events of 1 KB. */
const ROOM: TailRoom = { events: 2_500, bytes: 4 * 1024 * 1024 }

interface Kept extends ReadPage {
  readonly to: Position
}

export function createTail({ events: mostEvents, bytes: mostBytes }: TailRoom = ROOM): Tail {
  let from: Position | undefined
  let to: Position | undefined
  let pages: Kept[] = []

  function begin(at: Position): void {
    from = to = at
    pages = []
  }

  function forget(): void {
    from = to = undefined
    pages = []
  }

  /** One read for all who ask before it begins. Answers whether there may be more. */
  const extended = coalesce<TailReads, boolean>(Number.MAX_SAFE_INTEGER, async ([reads]) => {
    const after = to
    if (after === undefined || !reads) return true
    try {
      const read = await reads.all(after)
      const isPutBack = read.events.length === 0 && (await reads.head()) < after
      // Begun anew somewhere else meanwhile: whoever waited looks again.
      if (to !== after) return true
      if (isPutBack) forget()
      else keep(read)
      return isPutBack || read.events.length === PAGE
    } catch (error) {
      forget()
      throw error
    }
  })

  function keep({ events, bytes }: ReadPage): void {
    const last = events.at(-1)
    if (!last) return
    to = last.position
    pages.push({ events, bytes, to })
    let kept = pages.reduce((sum, page) => sum + page.events.length, 0)
    let size = pages.reduce((sum, page) => sum + page.bytes, 0)
    while (pages.length > 1 && (kept > mostEvents || size > mostBytes)) {
      const oldest = pages.shift() as Kept
      kept -= oldest.events.length
      size -= oldest.bytes
      from = oldest.to
    }
  }

  /** Undefined if something that it has not read is not kept. */
  function kept(after: Position, { follows }: TailReads): RecordedEvent[] | undefined {
    if (from === undefined || after < from) return undefined
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
    async page(after, reads) {
      // Nobody else has read for so long that what is kept is of no use to this one.
      if (to !== undefined && after > to) begin(after)
      let more = true
      const there = kept(after, reads)
      if (!there) return behind(after, reads)
      if (there.length < PAGE) more = await extended.add(reads)
      const events = kept(after, reads)
      if (!events) return behind(after, reads)
      const last = events[PAGE - 1]
      if (last) return { events: events.slice(0, PAGE), to: last.position, more: true }
      return { events, to: higher(after, to as Position), more }
    },
  }
}

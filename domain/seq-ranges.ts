/**
 * Sets of seqs as ascending ranges without neighbours: dense numbers make few of them. In pages that all versions of a set share, since
 * one more seq, or one less, then copies a page and not 50,000 ranges: every other of 100,000 temporary messages may be deleted. Pure;
 * ranges and pages are replaced, never changed.
 */
import type { Seq } from './ids.ts'

export interface SeqRange {
  readonly from: Seq
  readonly to: Seq
}

/** Never empty. */
type Page = readonly SeqRange[]

export type SeqRanges = readonly Page[]

/** With as many pages as this, a set of 16,384 ranges copies least. */
export const PAGE_RANGES = 128

/** `seq` is beyond all that are in it. */
export function appendSeq(ranges: SeqRanges, seq: Seq): SeqRanges {
  const page = ranges.at(-1) ?? []
  const last = page.at(-1)
  const grown =
    last && last.to + 1 === seq
      ? [...page.slice(0, -1), { from: last.from, to: seq }]
      : [...page, { from: seq, to: seq }]
  return [...ranges.slice(0, -1), ...paged(grown)]
}

export function removeSeq(ranges: SeqRanges, seq: Seq): SeqRanges {
  const at = pageOf(ranges, seq)
  const page = ranges[at] ?? []
  const index = holding(page, seq)
  const range = page[index]
  if (!range) return ranges
  const rest: SeqRange[] = []
  if (range.from < seq) rest.push({ from: range.from, to: (seq - 1) as Seq })
  if (seq < range.to) rest.push({ from: (seq + 1) as Seq, to: range.to })
  const shrunk = [...page.slice(0, index), ...rest, ...page.slice(index + 1)]
  return [...ranges.slice(0, at), ...paged(shrunk), ...ranges.slice(at + 1)]
}

export const hasSeq = (ranges: SeqRanges, seq: Seq): boolean =>
  holding(ranges[pageOf(ranges, seq)] ?? [], seq) >= 0

/** At most one range more than a page may have. */
function paged(page: Page): SeqRanges {
  if (page.length === 0) return []
  return page.length > PAGE_RANGES ? [page.slice(0, PAGE_RANGES / 2), page.slice(PAGE_RANGES / 2)] : [page]
}

/** Of the page that may hold it: the last that does not begin beyond it; -1 when all do. */
function pageOf(ranges: SeqRanges, seq: Seq): number {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [first] = ranges[middle] as readonly [SeqRange]
    if (seq < first.from) high = middle - 1
    else low = middle + 1
  }
  return high
}

/** Of the range that holds it, by bisection; -1 when none does. */
function holding(page: Page, seq: Seq): number {
  let low = 0
  let high = page.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const { from, to } = page[middle] as SeqRange
    if (seq < from) high = middle - 1
    else if (seq > to) low = middle + 1
    else return middle
  }
  return -1
}

/** Sets of seqs as ascending ranges without neighbours: dense numbers make few of them. Pure; ranges are replaced, never changed. */
import type { Seq } from './ids.ts'

export interface SeqRange {
  readonly from: Seq
  readonly to: Seq
}

/** `seq` is beyond all that are in it. */
export function appendSeq(ranges: readonly SeqRange[], seq: Seq): readonly SeqRange[] {
  const last = ranges.at(-1)
  if (last && last.to + 1 === seq) return [...ranges.slice(0, -1), { from: last.from, to: seq }]
  return [...ranges, { from: seq, to: seq }]
}

export function removeSeq(ranges: readonly SeqRange[], seq: Seq): readonly SeqRange[] {
  const index = indexOf(ranges, seq)
  const range = ranges[index]
  if (!range) return ranges
  const rest: SeqRange[] = []
  if (range.from < seq) rest.push({ from: range.from, to: (seq - 1) as Seq })
  if (seq < range.to) rest.push({ from: (seq + 1) as Seq, to: range.to })
  return [...ranges.slice(0, index), ...rest, ...ranges.slice(index + 1)]
}

export const hasSeq = (ranges: readonly SeqRange[], seq: Seq): boolean => indexOf(ranges, seq) >= 0

/** Of the range that holds it, by bisection; -1 when none does. */
function indexOf(ranges: readonly SeqRange[], seq: Seq): number {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const { from, to } = ranges[middle] as SeqRange
    if (seq < from) high = middle - 1
    else if (seq > to) low = middle + 1
    else return middle
  }
  return -1
}

/** Durations, kept as a histogram of microseconds with three significant digits (HDR), and told as percentiles in milliseconds. */
import { createHistogram } from 'node:perf_hooks'

export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly 'p99.9': number
  readonly max: number
}

export interface Durations {
  record(milliseconds: number): void
  percentiles(): Percentiles
}

export function createDurations(): Durations {
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 })
  const at = (percentile: number) => Number((histogram.percentile(percentile) / 1000).toFixed(3))
  return {
    record: (milliseconds) => histogram.record(Math.max(1, Math.round(milliseconds * 1000))),
    percentiles: () =>
      histogram.count === 0
        ? { count: 0, p50: 0, p95: 0, p99: 0, 'p99.9': 0, max: 0 }
        : {
            count: histogram.count,
            p50: at(50),
            p95: at(95),
            p99: at(99),
            'p99.9': at(99.9),
            max: Number((histogram.max / 1000).toFixed(3)),
          },
  }
}

/** The metrics of one process: its registry, and the place where every metric is defined. Measures nothing itself. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Seconds, from 0.5 ms to 10 s: wide enough for an append and for a slow rebuild batch alike. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

export interface Metrics {
  readonly registry: Registry
  /** Each returns the metric of that name, made on first use, so that a module defines its metrics where it measures. */
  counter(name: `triptick_${string}_total`, help: string, labels?: readonly string[]): Counter
  /**
   * A counter with one label for what happens thousands of times a second: adds up in a map and tells the registry when it is
   * read, because `prom-client` takes a microsecond to find the labels' place.
   */
  tally(name: `triptick_${string}_total`, help: string, label: string): (value: string) => void
  gauge(name: `triptick_${string}`, help: string, labels?: readonly string[]): Gauge
  histogram(
    name: `triptick_${string}`,
    help: string,
    labels?: readonly string[],
    buckets?: readonly number[],
  ): Histogram
}

/** @param roles the roles of this process; a label on everything it reports. */
export function createMetrics(roles: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ roles })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const tallies = new Map<string, (value: string) => void>()
  return {
    registry,
    counter: (name, help, labels = []) =>
      known(registry, name, Counter) ?? new Counter({ name, help, labelNames: [...labels], registers }),
    tally: (name, help, label) => {
      const before = tallies.get(name)
      if (before) return before
      const counts = new Map<string, number>()
      const collect = function (this: Counter) {
        for (const [value, count] of counts) this.inc({ [label]: value }, count)
        counts.clear()
      }
      new Counter({ name, help, labelNames: [label], registers, collect })
      const count = (value: string): void => {
        counts.set(value, (counts.get(value) ?? 0) + 1)
      }
      tallies.set(name, count)
      return count
    },
    gauge: (name, help, labels = []) =>
      known(registry, name, Gauge) ?? new Gauge({ name, help, labelNames: [...labels], registers }),
    histogram: (name, help, labels = [], buckets = LATENCY_BUCKETS) =>
      known(registry, name, Histogram) ??
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
  }
}

function known<M>(
  registry: Registry,
  name: string,
  kind: abstract new (...args: never[]) => M,
): M | undefined {
  const metric: unknown = registry.getSingleMetric(name)
  if (metric === undefined) return undefined
  if (!(metric instanceof kind)) throw new Error(`metric ${name} was defined before as another kind`)
  return metric
}

/** The report: what counts as broken, and that people can read it. */
import { expect, test } from 'vitest'
import type { MeasuredRun } from '../../bench/lives/measure.ts'
import { noTally, type Tally } from '../../bench/lives/pair.ts'
import { type BenchReport, lagged, median, whatBroke } from '../../bench/report/report.ts'
import { renderReport } from '../../bench/report/table.ts'

const percentiles = { count: 1, p50: 1.234, p95: 2, p99: 30, 'p99.9': 400, max: 4000 }

const run = (messagesPerSecond: number, tally: Partial<Tally> = {}): MeasuredRun => ({
  messagesPerSecond,
  verdict: { ...noTally(), sent: 10, delivered: 10, read: 10, ...tally },
  latencyMs: { sent: percentiles, delivered: percentiles, read: percentiles },
  drainSeconds: 0.1,
  generatorCpu: 0.5,
})

const plan = {
  pairs: 200,
  textBytes: 100,
  acks: 'each',
  warmUpSeconds: 1,
  runs: 3,
  secondsPerRun: 10,
  load: { inFlight: 4 },
} as const

const report = (system: MeasuredRun[], relay = [run(8000)]): BenchReport => {
  const lives = { closed: { plan, relay, system } }
  return {
    machine: {
      cpu: 'A CPU',
      cores: 2,
      memoryGb: 8,
      os: 'linux',
      node: 'v20.19.0',
      postgres: '18.4',
      hugePages: true,
      commit: 'abc1234',
    },
    beside: { cores: 0.124, processes: [{ command: 'kdamond.0', cores: 0.06 }] },
    startedAt: '2026-01-01T00:00:00.000Z',
    tookSeconds: 60,
    lives,
    append: { plainInsertsPerSecond: 1000, runs: [] },
    tables: [],
    broken: whatBroke({ lives }),
  }
}

test('a run is broken by anything lost, doubled, out of order, refused, or never sent', () => {
  expect(whatBroke({ lives: { closed: { plan, relay: [], system: [run(1), run(1)] } } })).toEqual([])
  for (const fault of [
    { lost: 1 },
    { doubled: 1 },
    { outOfOrder: 1 },
    { errors: { unavailable: 1 } },
    { read: 9 },
    { sent: 0, read: 0 },
  ]) {
    expect(whatBroke({ lives: { open: { plan, system: [run(1), run(1, fault)] } } })).toHaveLength(1)
  }
})

test('the table fits a terminal, names machine and commit, and says the ratio to the reference', () => {
  const text = renderReport(report([run(1000), run(4000), run(3000)]))
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110)
  expect(text).toContain('commit abc1234')
  expect(text).toContain('postgres 18.4 with huge pages')
  expect(text).toMatch(/triptick, all three durable +3,000 +1,000 +4,000 +0\.38/)
  expect(text).toContain('nothing lost, nothing doubled, nothing out of order')
  expect(renderReport(report([run(1, { lost: 3 })]))).toContain('BROKEN')
})

test('the reference is measured before and after: of an even number of runs the mean of the two in the middle', () => {
  const text = renderReport(report([run(3000)], [run(5000), run(7000), run(9000), run(20_000)]))
  expect(text).toMatch(/bare ws relay, before and after +8,000 +5,000 +20,000 +1\.00/)
  expect(text).toMatch(/triptick, all three durable +3,000 +3,000 +3,000 +0\.38/)
})

test('the run in the middle stands for all', () => {
  expect(median([run(5), run(1), run(3)])?.messagesPerSecond).toBe(3)
})

test('a run whose generator was late is flagged', () => {
  expect(lagged({ ...run(1), generatorLagMs: { ...percentiles, p99: 4.9 } })).toBe(false)
  expect(lagged({ ...run(1), generatorLagMs: { ...percentiles, p99: 5.1 } })).toBe(true)
})

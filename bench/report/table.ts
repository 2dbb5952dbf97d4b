/** The report for people: at most 100 columns, plain text. */
import type { Percentiles } from '../histogram.ts'
import type { LivesPlan, MeasuredRun } from '../lives/measure.ts'
import type { Beside } from '../machine/beside.ts'
import { ANSWERED_WITHIN_MS, type OverloadReport, TIMES } from '../overload/measure.ts'
import type { SearchReport } from '../search/measure.ts'
import { type AppendReport, type BenchReport, type LivesReport, lagged, median } from './report.ts'

const count = (value: number): string => Math.round(value).toLocaleString('en-US')
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0))

/** First column to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}

export function renderReport(report: BenchReport): string {
  const { machine, beside, lives, append, search, overload, tables, broken } = report
  const sections = [
    `triptick bench · ${report.startedAt} · commit ${machine.commit}`,
    `${machine.cpu} · ${machine.cores} cores · ${machine.memoryGb} GB · ${machine.os}`,
    `node ${machine.node} · postgres ${machine.postgres} ${machine.hugePages ? 'with' : 'without'} huge pages · generator on the same machine`,
    ...(beside ? [besideLine(beside)] : []),
    ...(lives ? livesSections(lives) : []),
    ...(append ? appendSections(append) : []),
    ...(search ? searchSections(search) : []),
    ...(overload ? overloadSections(overload) : []),
    ...tables.flatMap(({ title, rows, notes = [] }) => [
      `\n${title}`,
      table(rows),
      ...notes.map((note) => `  ${note}`),
    ]),
    broken.length === 0
      ? '\nverdict: nothing lost, nothing doubled, nothing out of order'
      : `\nverdict: BROKEN\n${broken.map((line) => `  ${line}`).join('\n')}`,
  ]
  return sections.join('\n')
}

function besideLine({ cores, processes }: Beside): string {
  const names = processes.slice(0, 3).map((each) => `${each.command} ${each.cores.toFixed(2)}`)
  return `beside it: ${cores.toFixed(2)} cores of other processes${names.length > 0 ? ` (${names.join(', ')})` : ''}`
}

function livesSections({ closed, open }: LivesReport): string[] {
  const sections: string[] = []
  if (closed) {
    const { plan } = closed
    sections.push(
      `\nlives · closed loop, ${plan.pairs} pairs × ${'inFlight' in plan.load ? plan.load.inFlight : 0} in flight, ${settingsOf(plan)}`,
      throughputTable(closed.relay, closed.system),
      latencyTable(median(closed.system)),
    )
  }
  if (open) {
    const { plan } = open
    // In open loop all runs have the same throughput.
    const middle = median(open.system, ({ latencyMs }) => latencyMs.read.p99)
    sections.push(
      `\nlives · open loop, ${'rate' in plan.load ? plan.load.rate : 0} messages/s over ${plan.pairs} pairs, ${settingsOf(plan)}`,
      latencyTable(middle),
      `  cores: ${coresOf(middle)}`,
    )
    if (open.system.some(lagged))
      sections.push('  flagged: the generator itself was late in a run; see its lag')
  }
  return sections
}

const settingsOf = ({ textBytes, acks, runs, secondsPerRun }: LivesPlan): string =>
  `${textBytes} B, acks ${acks}, ${runs} × ${secondsPerRun} s`

function throughputTable(relay: readonly MeasuredRun[], system: readonly MeasuredRun[]): string {
  const rates = (runs: readonly MeasuredRun[]) => runs.map(({ messagesPerSecond }) => messagesPerSecond)
  const reference = middleOf(rates(relay))
  const row = (name: string, runs: readonly MeasuredRun[]) => {
    const all = rates(runs)
    const middle = middleOf(all)
    return [
      name,
      count(middle),
      count(Math.min(...all)),
      count(Math.max(...all)),
      reference > 0 ? (middle / reference).toFixed(2) : '',
      coresOf(median(runs)),
    ]
  }
  return table([
    ['messages/s', 'median', 'min', 'max', 'ratio', 'cores'],
    row('bare ws relay, before and after', relay),
    row('triptick, all three durable', system),
  ])
}

/** The median; of an even number the mean of the two in the middle, of none 0. */
function middleOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}

function coresOf(run: MeasuredRun | undefined): string {
  if (!run) return ''
  const { cores, generatorCpu } = run
  const parts = cores
    ? [
        `api ${cores.api.toFixed(2)}`,
        `background ${cores.background.toFixed(2)}`,
        `postgres ${cores.postgres.toFixed(2)}`,
      ]
    : []
  return [...parts, `generator ${generatorCpu.toFixed(2)}`].join(', ')
}

function latencyTable(run: MeasuredRun | undefined): string {
  if (!run) return ''
  const row = (name: string, { p50, p95, p99, 'p99.9': p999, max }: Percentiles) => [
    name,
    ...[p50, p95, p99, p999, max].map(ms),
  ]
  return table([
    ['ms (median run)', 'p50', 'p95', 'p99', 'p99.9', 'max'],
    row('send → sent ✓', run.latencyMs.sent),
    row('send → delivered ✓✓', run.latencyMs.delivered),
    row('send → read ✓✓', run.latencyMs.read),
    ...(run.generatorLagMs ? [row('generator lag', run.generatorLagMs)] : []),
  ])
}

function appendSections({ plainInsertsPerSecond, runs }: AppendReport): string[] {
  return [
    '\nappend · Postgres ledger alone, fsync on, closed loop',
    table([
      ['', 'events/s', 'ratio', 'p50 ms', 'p99 ms'],
      ['plain INSERTs, one by one', count(plainInsertsPerSecond), '1.0', '', ''],
      ...runs.map(({ writers, eventsPerAppend, eventsPerSecond, appendMs }) => [
        `${writers} writers × ${eventsPerAppend} event${eventsPerAppend > 1 ? 's' : ''} an append`,
        count(eventsPerSecond),
        (eventsPerSecond / plainInsertsPerSecond).toFixed(1),
        ms(appendMs.p50),
        ms(appendMs.p99),
      ]),
    ]),
  ]
}

function searchSections({
  messages,
  searches,
  indexedPerSecond,
  indexBytesPerMessage,
  kinds,
}: SearchReport): string[] {
  return [
    `\nsearch · ${count(messages)} messages, ${count(searches)} searches of each kind over HTTP`,
    `  indexing: ${count(indexedPerSecond)} messages/s, ${count(indexBytesPerMessage)} bytes a message`,
    table([
      ['ms', 'p50', 'p95', 'p99', 'max', 'results'],
      ...kinds.map(({ name, searchMs: { p50, p95, p99, max }, results }) => [
        name,
        ...[p50, p95, p99, max].map(ms),
        results.toFixed(1),
      ]),
    ]),
  ]
}

function overloadSections({ plan, capacity, run }: OverloadReport): string[] {
  const { sent, refused } = run.verdict
  const part = (number: number) => `${((100 * number) / Math.max(1, sent + refused)).toFixed(0)} %`
  const row = (name: string, how: string, { p50, p99, max }: Percentiles) => [
    name,
    how,
    ...[p50, p99, max].map(ms),
  ]
  return [
    `\noverload · ${TIMES} × ${count(capacity)} messages/s for ${plan.seconds} s over ${plan.pairs} pairs, ${count(run.writtenPerSecond ?? 0)}/s written`,
    table([
      ['ms from written to …', 'messages', 'p50', 'p99', 'max'],
      row('sent ✓', `${count(sent)} (${part(sent)})`, run.latencyMs.sent),
      ...(run.refusedMs ? [row('overloaded', `${count(refused)} (${part(refused)})`, run.refusedMs)] : []),
      row('delivered ✓✓', '', run.latencyMs.delivered),
      row('read ✓✓', '', run.latencyMs.read),
    ]),
    `  everything read ${run.drainSeconds.toFixed(1)} s after the load had ended; cores: ${coresOf(run)}`,
    `  asked of both answers at p99: ${count(ANSWERED_WITHIN_MS)} ms${plan.judgesLatency ? '' : ' (not judged in a quick look)'}`,
  ]
}

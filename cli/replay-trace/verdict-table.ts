/** The verdict for people: two columns that should say the same, and the faults. */
import type { Counts, Verdict } from './verdict.ts'

const count = (value: number): string => value.toLocaleString('en-US')

const ROWS: readonly (readonly [string, (counts: Counts) => number])[] = [
  ['sent', ({ sent }) => sent],
  ['delivered, to each recipient', ({ delivered }) => delivered],
  ['read, by each recipient', ({ read }) => read],
  ['messages that end with ✓', ({ ticks }) => ticks.sent],
  ['messages that end with ✓✓', ({ ticks }) => ticks.delivered],
  ['messages that end with ✓✓ read', ({ ticks }) => ticks.read],
]

export function renderVerdict(verdict: Verdict): string {
  const { messages, people, conversations, events, skipped, clients, ledger } = verdict
  const faults = [
    `lost ${verdict.lost}`,
    `doubled ${verdict.doubled}`,
    `out of order ${verdict.outOfOrder}`,
    `altered ${verdict.altered}`,
    `wrong ticks ${verdict.wrongTicks}`,
  ].join(', ')
  return [
    '',
    `  ${count(messages)} messages of ${count(people)} people in ${count(conversations)} conversations` +
      `${skipped > 0 ? `, ${count(skipped)} rows that cannot be sent` : ''}; ${count(events)} events`,
    '',
    `  ${''.padEnd(32)}${'clients saw'.padStart(14)}${'ledger holds'.padStart(16)}`,
    ...ROWS.map(
      ([name, of]) =>
        `  ${name.padEnd(32)}${count(of(clients)).padStart(14)}${count(of(ledger)).padStart(16)}`,
    ),
    '',
    `  ${faults}`,
    ...verdict.problems.map((problem) => `  ! ${problem}`),
    `  ${verdict.passed ? 'passed' : 'FAILED'}`,
  ].join('\n')
}

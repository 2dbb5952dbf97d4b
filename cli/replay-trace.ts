/** `triptick replay-trace`: plays real conversations through real sockets, and judges by the ledger whether all arrived. */
import { type Command, InvalidArgumentError } from 'commander'
import type { System } from './system/system.ts'

interface ReplayOptions {
  readonly speed?: number | 'max'
  readonly url?: string
  readonly limit?: number
  readonly json?: true
}

export function registerReplayTrace(program: Command): void {
  program
    .command('replay-trace')
    .description('play a trace of real conversations, everybody a client, and check that nothing is lost')
    .argument('<file>', 'a trace: tab separated, .gz or not')
    .option(
      '--speed <n>',
      'seconds of the trace in one of ours, or max (default: done in a minute)',
      parseSpeed,
    )
    .option('--limit <n>', 'only the first n messages', parseCount)
    .option(
      '--url <url>',
      'a Triptick that runs (default: TRIPTICK_URL, the one of the data folder, or its own)',
    )
    .option('--json', 'print the verdict as JSON')
    .addHelpText('after', HELP)
    .action(replay)
}

const HELP = `
Traces:
  unix time, sender, recipient            one direct conversation a pair
  yyyy-mm-dd, minute of day, sender, text one group of all senders

No trace comes with Triptick. A public one is CollegeMsg of SNAP, with its columns (sender, recipient, time) put in this order.

People come online around what they do in the trace and are offline in between. The verdict compares what their
clients saw with what the ledger holds; exit code 1 if anything was lost, doubled, altered or out of order.
With --url it reads the ledger of that Triptick too: TRIPTICK_DATA, or DATABASE_URL (and LEDGER_URL), have to name it.

Examples:
  npm run replay-trace -- private-messages.tsv.gz
  npm run replay-trace -- group-chat.tsv.gz --speed max --limit 2000`

async function replay(file: string, { speed, url, limit, json }: ReplayOptions): Promise<void> {
  const [{ readTrace }, { findSystem }, { listenForStop }, { renderVerdict }] = await Promise.all([
    import('./replay-trace/trace.ts'),
    import('./system/find-system.ts'),
    import('../runtime/shutdown.ts'),
    import('./replay-trace/verdict-table.ts'),
  ])
  const trace = await readTrace(file, limit)
  const signals = listenForStop()
  const system = await findSystem(url)
  try {
    const outcome = await Promise.race([run(trace, system, speed), signals.first])
    if (typeof outcome === 'string') {
      process.exitCode = 130
    } else {
      console.log(json ? JSON.stringify(outcome, null, 2) : renderVerdict(outcome))
      process.exitCode = outcome.passed ? 0 : 1
    }
  } finally {
    await system.stop()
  }
  // Sockets of an interrupted replay are still open.
  process.exit()
}

async function run(
  trace: import('./replay-trace/trace.ts').Trace,
  system: System,
  speed: number | 'max' | undefined,
): Promise<import('./replay-trace/verdict.ts').Verdict> {
  const [{ play, usualSpeed }, { startProgressBar }, { openCommandLedger }, { readHeld }, { judge }] =
    await Promise.all([
      import('./replay-trace/play.ts'),
      import('./replay-trace/progress-bar.ts'),
      import('./system/command-ledger.ts'),
      import('./replay-trace/held.ts'),
      import('./replay-trace/verdict.ts'),
    ])
  const { ledger, close } = await openCommandLedger(system.config)
  try {
    const before = await ledger.head()
    const name = `replay-${Date.now().toString(36)}`
    const { played, done } = play({
      system,
      trace,
      speed: speed ?? usualSpeed(trace),
      run: name,
      signal: new AbortController().signal,
    })
    const stopBar = startProgressBar(() => ({
      done: played.sent.size,
      total: trace.messages.length,
      online: played.people.filter(({ online }) => online).length,
    }))
    await done.finally(stopBar)
    console.error('reading the ledger')
    return judge(played, await readHeld(ledger, before, name))
  } finally {
    await close()
  }
}

function parseSpeed(text: string): number | 'max' {
  const speed = Number(text)
  if (text === 'max') return 'max'
  if (Number.isFinite(speed) && speed > 0) return speed
  throw new InvalidArgumentError('It must be a number above 0, or max.')
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

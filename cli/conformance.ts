/** `triptick conformance`: plays clients of the protocol on any running system, and says which promises it keeps. */
import { type Command, InvalidArgumentError } from 'commander'
import { StartProblem } from '../runtime/problem.ts'
import type { Area } from './conformance/check.ts'
import type { Result } from './conformance/run.ts'

interface ConformanceOptions {
  readonly url?: readonly string[]
  readonly secret?: string
  readonly only?: string
  readonly timeout: number
  readonly json?: true
}

export function registerConformance(program: Command): void {
  program
    .command('conformance')
    .description(
      'check from outside whether a system speaks the protocol; exit code 1 if it breaks a promise',
    )
    .option('--url <url>', 'of the system; again for each further node (default: like demo)', collect)
    .option('--secret <secret>', 'that signs its tokens, HS256 (default: accounts are registered)')
    .option('--only <text>', 'checks whose area or promise has this text')
    .option('--timeout <seconds>', 'the longest wait for one frame or answer', parseSeconds, 15)
    .option('--json', 'print the results as JSON')
    .addHelpText('after', HELP)
    .action(conformance)
}

const HELP = `
Without --url it takes the Triptick that runs here, or one of its own, and signs with its secret. With --url and without
--secret people are registered as built-in accounts; checks that need a token made for them are then not made, and it
says so. Speaks WebSocket and HTTP as the protocol has it; knows nothing else of the system, and needs no access to it.

Examples:
  npm run conformance
  npm run conformance -- --url ws://127.0.0.1:8080 --secret "$TRIPTICK_JWT_SECRET"
  npm run conformance -- --url ws://node-1:8080 --url ws://node-2:8080 --only groups`

async function conformance({ url = [], secret, only, timeout, json }: ConformanceOptions): Promise<void> {
  const [
    { AREAS },
    { runChecks },
    { tokensFromAccounts, tokensFromSecret },
    { findSubject },
    { listenForStop },
  ] = await Promise.all([
    import('./conformance/checks.ts'),
    import('./conformance/run.ts'),
    import('./conformance/tokens.ts'),
    import('./conformance/subject.ts'),
    import('../runtime/shutdown.ts'),
  ])
  const areas = chosen(AREAS, only)
  const signals = listenForStop()
  const interrupt = new AbortController()
  signals.first.then(() => interrupt.abort())
  const subject = await findSubject(url, secret)
  const [first] = subject.urls
  if (!json) console.log(`on ${subject.urls.map((one) => new URL(one).host).join(', ')}`)
  try {
    const tokens = subject.secret === undefined ? tokensFromAccounts(first) : tokensFromSecret(subject.secret)
    const options = { tokens, urls: subject.urls, patienceMs: timeout * 1000 }
    const running = runChecks(areas, options, json ? () => {} : tell, interrupt.signal)
    const results = await Promise.race([running, signals.first])
    if (typeof results === 'string') {
      console.error('interrupted: what was not told of is not checked')
      process.exitCode = 130
    } else {
      conclude(results, json)
    }
  } finally {
    await subject.stop()
  }
  // Sockets of interrupted checks are still open.
  process.exit()
}

const MARKS = { kept: '✓', broken: '✗', 'not checked': '–' } as const

function tell({ area, promise, outcome, ms, why }: Result): void {
  console.log(`${MARKS[outcome]} ${area}: ${promise} (${ms} ms)${why === undefined ? '' : `\n    ${why}`}`)
}

function conclude(results: readonly Result[], json: true | undefined): void {
  const count = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome).length
  const [kept, broken, notChecked] = [count('kept'), count('broken'), count('not checked')]
  if (json) console.log(JSON.stringify({ kept, broken, notChecked, results }, null, 2))
  else console.log(`\n${kept} kept, ${broken} broken, ${notChecked} not checked`)
  process.exitCode = broken === 0 ? 0 : 1
}

function chosen(areas: readonly Area[], only: string | undefined): readonly Area[] {
  if (only === undefined) return areas
  const wanted = only.toLowerCase()
  const some = areas.map(({ area, checks }) => ({
    area,
    checks: checks.filter(({ promise }) => `${area}: ${promise}`.toLowerCase().includes(wanted)),
  }))
  if (some.some(({ checks }) => checks.length > 0)) return some
  const fix = `Use a part of an area (${areas.map(({ area }) => area).join(', ')}) or of a promise.`
  throw new StartProblem([{ problem: `there is no check with "${only}"`, fix }], 2)
}

const collect = (url: string, before: readonly string[] = []): readonly string[] => [...before, url]

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number of seconds above 0.')
}

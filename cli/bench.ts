/** `triptick bench`: measures this machine, on systems that it starts and stops itself. Its figures: `bench/`. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { BenchPlan } from '../bench/bench.ts'
import type { LivesPlan } from '../bench/lives/measure.ts'
import { preloading } from '../bench/machine/preload.ts'
import { SUITES, type Suite } from '../bench/suites.ts'
import type { BenchContext } from '../bench/system-under-test.ts'
import { StartProblem } from '../runtime/problem.ts'
import { settings } from './settings.ts'

interface BenchOptions {
  readonly rate?: number
  readonly seconds?: number
  readonly runs?: number
  readonly pairs: number
  readonly inFlight: number
  readonly bytes: number
  readonly acks: 'each' | 'range'
  readonly sockets?: number
  readonly nodes?: '1' | '2' | '3' | '4'
  readonly messages?: number
  readonly capacity?: number
  readonly members?: number
  readonly people?: number
  readonly events?: number
  readonly minutes?: number
  readonly json?: string
  readonly quick?: true
  readonly cpuProf?: string
}

/** Only run when they are asked for. */
const LONG: readonly Suite[] = ['grow', 'soak']
const SUITE_NAMES = [...SUITES, 'all'] as const

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description('measure Triptick on this machine, beside a bare relay and plain INSERTs')
    .argument('[suites...]', `which: ${SUITE_NAMES.join(', ')}`, collectSuites)
    .option('--rate <n>', 'lives: only in open loop, with n messages a second', wholeNumber)
    .option('--seconds <n>', 'length of a run (default: 10)', wholeNumber)
    .option('--runs <n>', 'how many runs (default: 3)', wholeNumber)
    .option('--pairs <n>', 'lives: pairs of people', wholeNumber, 200)
    .option('--in-flight <n>', 'lives: messages of a pair on their way at a time', wholeNumber, 4)
    .option('--bytes <n>', 'lives: length of a text', wholeNumber, 100)
    .addOption(
      new Option('--acks <how>', 'lives: acknowledge each message, or what came together as a range')
        .choices(['each', 'range'])
        .default('each'),
    )
    .option('--sockets <n>', 'idle: how many (default: 10000)', wholeNumber)
    .addOption(
      new Option(
        '--nodes <n>',
        'idle: on how many, at least (default: as few as may hold them; quick: 2)',
      ).choices(['1', '2', '3', '4']),
    )
    .option('--messages <n>', 'search: over how many (default: 100000)', wholeNumber)
    .option('--members <n>', 'group: how many, all online (default: 1024)', wholeNumber)
    .option('--people <n>', 'catch-up: how many come back at once (default: 1000)', wholeNumber)
    .option('--events <n>', 'project, grow: how many in the ledger (default: 1000000)', wholeNumber)
    .option('--minutes <n>', 'soak: for how long (default: 30)', wholeNumber)
    .option(
      '--capacity <n>',
      'overload, soak: messages a second that the system can do (default: measured)',
      wholeNumber,
    )
    .option(
      '--json <file>',
      'write everything that was measured to a file (-: print it instead of the table)',
    )
    .option('--quick', 'a few seconds each: shows that nothing is lost, not how fast it is')
    .option('--cpu-prof <folder>', 'write CPU profiles of the processes of the system there')
    .addHelpText('after', HELP)
    .action(runBench)
}

const HELP = `
Suites:
  lives   messages from send to read tick, each life durable; the reference is a bare ws relay that stores nothing
  append  the Postgres ledger alone, fsync on; the reference is plain INSERTs
  idle    memory of an idle socket, and how soon a message reaches one; the reference is a bare ws server
  overload  twice the capacity: sends answered in time, by sent or overloaded, no receipt missing at the end
  search  full-text search over HTTP
  group   one message to a large group until all have read it; the reference is a bare ws relay
  catch-up  many people with 500 missed messages come back at once; the reference is what others wait before
  project   the read models of a long past, live and rebuilt; the reference is reading it
  grow    a send and an inbox behind a long past; the reference is the same behind ten thousand events
  soak    memory of every process at half load, for a long time; the reference is itself when it is warm
  eventstoredb  three lives on the EventStoreDB adapter against a simulator; the reference is its client package alone

Everything runs on this machine, the generators too, on databases of their own that are removed afterwards.
Without names all are run but \`grow\` and \`soak\`, which take longer.
Exit code 1 if anything was lost, doubled or out of order, answered too late under overload, or costs more than it may.

Examples:
  npm run bench
  npm run bench -- lives --rate 1000 --seconds 30
  npm run bench -- append --json append.json
  npm run bench -- search --messages 1000000
  npm run bench -- grow --events 10000000
  npm run bench -- idle --sockets 50000
  npm run bench -- soak --minutes 60`

async function runBench(names: readonly string[] = [], options: BenchOptions): Promise<void> {
  const [
    { bench },
    { renderReport },
    { startOwnSystem },
    { listenForStop },
    { readRunning },
    { scheduleAsBatch },
  ] = await Promise.all([
    import('../bench/bench.ts'),
    import('../bench/report/table.ts'),
    import('./system/own-system.ts'),
    import('../runtime/shutdown.ts'),
    import('../runtime/data-folder.ts'),
    import('../runtime/processes/scheduling.ts'),
  ])
  const config = settings()
  if (options.json !== undefined && options.json !== '-') mustBeWritable(options.json)
  const signals = listenForStop()
  // All that it starts: generators stand for clients on other machines, who interrupt nobody here, and a relay or a Postgres of its own
  // runs as the system does (docs/adr/0018).
  if (!(await scheduleAsBatch())) console.error('the processes are scheduled as usual, not as batch')
  const endings: (() => Promise<void>)[] = []
  const context: BenchContext = {
    startSystem: async (own = {}) => {
      const { TRIPTICK_MASTER_KEY: given } = own
      const masterKey = given === undefined ? randomBytes(32) : Buffer.from(given, 'base64')
      const profiling = options.cpuProf === undefined ? {} : profilingEnvironment(options.cpuProf)
      const system = await startOwnSystem(config, {
        ...profiling,
        ...own,
        ...nodeOptionsOf(profiling, own),
        TRIPTICK_MASTER_KEY: masterKey.toString('base64'),
      })
      endings.push(system.stop)
      const databaseUrl = own.DATABASE_URL ?? readRunning(system.config.dataFolder)?.databaseUrl ?? ''
      const joining = {
        DATABASE_URL: databaseUrl,
        TRIPTICK_MASTER_KEY: masterKey.toString('base64'),
        TRIPTICK_JWT_SECRET: system.config.jwtSecret,
      }
      return { ...system, databaseUrl, masterKey, joining }
    },
    progress: (text) => console.error(text),
    onEnd: (stop) => endings.push(stop),
  }
  try {
    const outcome = await Promise.race([bench(planOf(names, options), context), signals.first])
    if (typeof outcome === 'string') {
      process.exitCode = 130
      return
    }
    const json = JSON.stringify(outcome, null, 2)
    if (options.json !== undefined && options.json !== '-') writeFileSync(options.json, `${json}\n`)
    console.log(options.json === '-' ? json : renderReport(outcome))
    process.exitCode = outcome.broken.length > 0 ? 1 : 0
  } finally {
    for (const stop of endings.reverse()) await stop().catch(() => {})
  }
}

/** Before hours of measuring, and not after them. */
function mustBeWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'))
  } catch (error) {
    const problem = `${file} cannot be written: ${(error as Error).message}`
    throw new StartProblem([{ problem, fix: 'Give --json a file in a folder that is there.' }], 2, error)
  }
}

/** Of both, where both have some: what each preloads stands in this one variable. */
function nodeOptionsOf(...settings: readonly NodeJS.ProcessEnv[]): NodeJS.ProcessEnv {
  const nodeOptions = settings.flatMap(({ NODE_OPTIONS }) => NODE_OPTIONS ?? [])
  return nodeOptions.length === 0 ? {} : { NODE_OPTIONS: nodeOptions.join(' ') }
}

/** See `bench/machine/cpu-profile.ts`. */
function profilingEnvironment(folder: string): NodeJS.ProcessEnv {
  return { ...preloading('cpu-profile'), BENCH_CPU_PROFILES: resolve(folder) }
}

function planOf(names: readonly string[], options: BenchOptions): BenchPlan {
  const { quick, rate, pairs, inFlight, bytes: textBytes, acks } = options
  const all = names.length === 0 || names.includes('all')
  const {
    members = quick ? 50 : 1024,
    people = quick ? 50 : 1000,
    events = quick ? 20_000 : 1_000_000,
  } = options
  const every: readonly Suite[] = quick ? SUITES : SUITES.filter((suite) => !LONG.includes(suite))
  const suites = all ? every : (names as readonly Suite[])
  const secondsPerRun = options.seconds ?? (quick ? 2 : 10)
  const common = {
    pairs: quick ? Math.min(pairs, 50) : pairs,
    textBytes,
    acks,
    warmUpSeconds: quick ? 1 : 5,
    runs: options.runs ?? (quick ? 1 : 3),
    secondsPerRun,
  }
  const open: LivesPlan = { ...common, load: { rate: rate ?? (quick ? 100 : 500) } }
  return {
    suites,
    open,
    ...(rate === undefined ? { closed: { ...common, load: { inFlight } } } : {}),
    appendSeconds: options.seconds ?? (quick ? 1 : 5),
    idle: {
      sockets: options.sockets ?? (quick ? 200 : 10_000),
      nodes: Number(options.nodes ?? (quick ? 2 : 1)),
      tries: quick ? 20 : 1000,
      judges: !quick,
    },
    search: { messages: options.messages ?? (quick ? 5_000 : 100_000), searches: quick ? 20 : 500 },
    overload: {
      pairs: common.pairs,
      textBytes,
      acks,
      seconds: options.seconds ?? (quick ? 5 : 25),
      judgesLatency: !quick,
      ...(options.capacity === undefined ? {} : { capacity: options.capacity }),
    },
    group: { members, sends: quick ? 5 : 50 },
    catchUp: { people, missed: quick ? 50 : 500 },
    projectEvents: events,
    grow: {
      events: quick ? [10_000, 20_000] : [...new Set([10_000, Math.min(events, 1_000_000), events])],
      rounds: quick ? 2 : 12,
      sends: quick ? 20 : 100,
      reads: quick ? 20 : 100,
      judges: !quick,
    },
    soak: {
      pairs: common.pairs,
      textBytes,
      acks,
      seconds: quick ? 5 : 60 * (options.minutes ?? 30),
      ...(options.capacity === undefined ? (quick ? { capacity: 200 } : {}) : { capacity: options.capacity }),
    },
    eventStore: {
      lives: { ...common, load: { inFlight } },
      commands: { messagesPerPair: quick ? 20 : 50, rounds: common.runs },
    },
  }
}

function collectSuites(name: string, before: readonly string[] = []): readonly string[] {
  if ((SUITE_NAMES as readonly string[]).includes(name)) return [...before, name]
  throw new InvalidArgumentError(`It must be one of ${SUITE_NAMES.join(', ')}.`)
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

/**
 * `eventstoredb`: messages through their three lives on the EventStoreDB adapter, against the simulator of its wire. First the
 * command path in one process, beside the client package alone; then a whole system with sockets.
 */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import { type LivesPlan, type MeasuredRun, measureSystem } from '../lives/measure.ts'
import { median, whatBroke } from '../report/report.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext } from '../system-under-test.ts'
import type { AppendRate, EventStoreRound, EventStoreRun, EventStoreSettings } from './settings.ts'

/**
 * Of the whole system: with 800 messages on their way, simulator, databases and generator beside it on two cores, one took more
 * than a second, and up to one send in six was refused as too many. That is what `overload` measures.
 */
const SYSTEM_LOAD = { inFlight: 1 } as const

/** In closed loop; `commands` is for the process without sockets. */
export interface EventStorePlan {
  readonly lives: LivesPlan & { readonly load: { readonly inFlight: number } }
  readonly commands: Pick<EventStoreSettings, 'messagesPerPair' | 'rounds'>
}

export async function eventStoreSuite(
  plan: EventStorePlan,
  databaseUrl: string,
  context: BenchContext,
): Promise<SuiteReport> {
  context.progress('eventstoredb: the command path, and the client alone')
  const { oneByOne, rounds, broken } = await runCommands(plan, databaseUrl, context)
  context.progress('eventstoredb: a whole system')
  const system = await runSystem({ ...plan.lives, load: SYSTEM_LOAD }, context)

  const middle = (kind: keyof EventStoreRound) => medianRate(rounds.map((round) => round[kind]))
  const [alone, commands] = [middle('alone'), middle('commands')]
  const ratio = medianOf(rounds.map((round) => perSecond(round.commands) / perSecond(round.alone)))
  const row = (name: string, rate: AppendRate) => [
    name,
    count(perSecond(rate)),
    count(rate.events / rate.seconds),
    (perSecond(rate) / perSecond(alone)).toFixed(2),
    rate.cpuMicros.toFixed(0),
  ]
  const { pairs, load } = plan.lives
  return {
    title: `eventstoredb · three lives against its simulator, ${pairs} pairs × ${load.inFlight} in flight, median of ${rounds.length}`,
    rows: [
      ['', 'appends/s', 'events/s', 'appends ratio', 'µs CPU each'],
      row('client alone, each fact an append', oneByOne),
      row('client alone, the appends that we make', alone),
      row('command path: decide, seal, chain, append', commands),
    ],
    figures: {
      ratioOfAppends: ratio,
      aloneAppendsPerSecond: perSecond(alone),
      commandsAppendsPerSecond: perSecond(commands),
      aloneEventsPerSecond: alone.events / alone.seconds,
      commandsEventsPerSecond: commands.events / commands.seconds,
      oneByOneEventsPerSecond: oneByOne.events / oneByOne.seconds,
      systemMessagesPerSecond: median(system)?.messagesPerSecond ?? 0,
    },
    notes: [
      `command path ÷ client alone, round by round: ${ratio.toFixed(2)} in the middle`,
      ...system.map(describe),
    ],
    broken: [...broken, ...whatBroke({ lives: { closed: { plan: plan.lives, relay: [], system } } })].map(
      (line) => `eventstoredb: ${line}`,
    ),
  }
}

/** In a process of its own: it shares neither its memory nor its event loop with what it answers. */
async function startSimulator(context: BenchContext) {
  const simulator = forkBenchChild<{ readonly url: string }>('../test/support/eventstoredb/main.js')
  context.onEnd(simulator.stop)
  return { url: (await simulator.next()).url, stop: simulator.stop }
}

async function runCommands(
  { lives: { pairs, textBytes, load }, commands }: EventStorePlan,
  databaseUrl: string,
  context: BenchContext,
): Promise<EventStoreRun> {
  const simulator = await startSimulator(context)
  const child = forkBenchChild<Told<EventStoreRun>>('eventstoredb/main.js')
  context.onEnd(child.stop)
  child.send({
    simulatorUrl: simulator.url,
    databaseUrl,
    pairs,
    inFlight: load.inFlight,
    textBytes,
    ...commands,
  } satisfies EventStoreSettings)
  const told = await child.next()
  await child.stop()
  await simulator.stop()
  if (told.kind === 'failed') throw new Error(`eventstoredb: ${told.reason}`)
  return told.result
}

async function runSystem(plan: LivesPlan, context: BenchContext): Promise<readonly MeasuredRun[]> {
  const simulator = await startSimulator(context)
  const system = await context.startSystem({ LEDGER_URL: simulator.url })
  const runs = await measureSystem(plan, system, 'eventstoredb', context)
  await system.stop()
  await simulator.stop()
  return runs
}

function describe({ messagesPerSecond, verdict, latencyMs }: MeasuredRun): string {
  const { lost, doubled, outOfOrder } = verdict
  const { p50, p99 } = latencyMs.read
  return `whole system, ${SYSTEM_LOAD.inFlight} in flight: ${count(messagesPerSecond)} messages/s, read p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms; lost ${lost}, doubled ${doubled}, out of order ${outOfOrder}`
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US')
const perSecond = ({ appends, seconds }: AppendRate): number => appends / seconds

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const medianRate = (rates: readonly AppendRate[]): AppendRate =>
  rates.find((rate) => perSecond(rate) === medianOf(rates.map(perSecond))) as AppendRate

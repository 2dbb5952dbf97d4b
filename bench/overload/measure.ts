/**
 * Asks twice as much as the system can do: sends have to be answered in time, with `sent` or with `overloaded`, and when the
 * load is gone no receipt may be missing. The capacity is what a closed loop gets through on the same system just before.
 */
import { type LivesPlan, type MeasuredRun, measureSystem } from '../lives/measure.ts'
import { whatPairsBroke } from '../lives/verdict.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'

export interface OverloadPlan {
  readonly pairs: number
  readonly textBytes: number
  readonly acks: LivesPlan['acks']
  /** Messages a second; measured if absent. */
  readonly capacity?: number
  readonly seconds: number
  /** A quick look shows that nothing is lost, not how fast it is. */
  readonly judgesLatency: boolean
}

export interface OverloadReport {
  readonly plan: OverloadPlan
  readonly capacity: number
  readonly run: MeasuredRun
}

/** How many times the capacity is asked for. */
export const TIMES = 2
/** A send is answered within this time at the 99th percentile. */
export const ANSWERED_WITHIN_MS = 1_000
const CAPACITY_SECONDS = 8
/** Messages of a closed loop that are on their way at a time, for each of the pairs that are asked for. */
const IN_FLIGHT = 4

export async function measureOverload(
  plan: OverloadPlan,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<OverloadReport> {
  const { pairs, textBytes, acks, seconds } = plan
  const common = { pairs, textBytes, acks, runs: 1 }
  const capacity = plan.capacity ?? (await measureCapacity('together', plan, system, context))

  context.progress(`overload: ${TIMES} × ${capacity} messages/s`)
  const load = { rate: capacity * TIMES }
  const flood = { ...common, load, refusals: 'count', warmUpSeconds: 0, secondsPerRun: seconds } as const
  const [run] = await measureSystem(flood, system, 'overload', context)
  if (!run) throw new Error('the overload was not measured')
  return { plan, capacity, run }
}

/**
 * Messages a second that a closed loop gets through.
 *
 * @param how the messages of a pair travel `together`, in frames and appends of several, or there are as many pairs as messages on
 *   their way, so that each travels `alone`, as in an open loop, where it costs half as much again.
 */
export async function measureCapacity(
  how: 'together' | 'alone',
  { pairs, textBytes, acks }: Pick<OverloadPlan, 'pairs' | 'textBytes' | 'acks'>,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<number> {
  const closed = {
    ...(how === 'together'
      ? { pairs, load: { inFlight: IN_FLIGHT } }
      : { pairs: pairs * IN_FLIGHT, load: { inFlight: 1 } }),
    textBytes,
    acks,
    runs: 1,
    warmUpSeconds: 4,
    secondsPerRun: CAPACITY_SECONDS,
  }
  const [run] = await measureSystem(closed, system, 'capacity', context)
  return Math.round(run?.messagesPerSecond ?? 0)
}

/** What the design promises and this run did not keep. */
export function whatOverloadBroke({ plan, run }: OverloadReport): string[] {
  const broken = whatPairsBroke('overload', run.verdict)
  for (const [answer, { p99 }] of [
    ['sent', run.latencyMs.sent],
    ['overloaded', run.refusedMs ?? { p99: 0 }],
  ] as const) {
    if (plan.judgesLatency && p99 > ANSWERED_WITHIN_MS)
      broken.push(`overload: \`${answer}\` came after ${Math.round(p99)} ms at p99`)
  }
  return broken
}

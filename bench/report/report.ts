/** The result of a whole bench: what `--json` writes and the table shows. Types, and what counts as broken. */
import type { AppendRun } from '../append/measure.ts'
import type { LivesPlan, MeasuredRun } from '../lives/measure.ts'
import { whatPairsBroke } from '../lives/verdict.ts'
import type { Beside } from '../machine/beside.ts'
import type { Machine } from '../machine/machine.ts'
import { type OverloadReport, whatOverloadBroke } from '../overload/measure.ts'
import type { SearchReport } from '../search/measure.ts'
import type { SuiteReport } from './suite-report.ts'

export interface LivesReport {
  readonly closed?: {
    readonly plan: LivesPlan
    readonly relay: readonly MeasuredRun[]
    readonly system: readonly MeasuredRun[]
  }
  readonly open?: { readonly plan: LivesPlan; readonly system: readonly MeasuredRun[] }
}

export interface AppendReport {
  readonly plainInsertsPerSecond: number
  readonly runs: readonly AppendRun[]
}

export interface BenchReport {
  readonly machine: Machine
  /** Absent where the system does not tell. */
  readonly beside?: Beside
  readonly startedAt: string
  readonly tookSeconds: number
  readonly lives?: LivesReport
  readonly append?: AppendReport
  readonly search?: SearchReport
  readonly overload?: OverloadReport
  readonly tables: readonly SuiteReport[]
  /** Empty if nothing was lost, doubled or out of order, and sends were answered in time under overload. */
  readonly broken: readonly string[]
}

/** An open-loop run whose generator was later than this at its p99 says more about the generator. */
const MAX_GENERATOR_LAG_MS = 5

export const lagged = ({ generatorLagMs }: MeasuredRun): boolean =>
  generatorLagMs !== undefined && generatorLagMs.p99 > MAX_GENERATOR_LAG_MS

export function whatBroke({
  lives,
  append,
  search,
  overload,
}: Pick<BenchReport, 'lives' | 'append' | 'search' | 'overload'>): string[] {
  const broken: string[] = []
  const check = (name: string, runs: readonly MeasuredRun[] = []) => {
    for (const [index, { verdict }] of runs.entries())
      broken.push(...whatPairsBroke(`${name}, run ${index + 1}`, verdict))
  }
  check('relay', lives?.closed?.relay)
  check('lives', lives?.closed?.system)
  check('lives at a rate', lives?.open?.system)
  for (const { writers, eventsPerAppend, failed, lost } of append?.runs ?? []) {
    if (failed + lost > 0) {
      broken.push(`append, ${writers} × ${eventsPerAppend}: ${failed} failed, ${lost} lost or doubled`)
    }
  }
  if (search && search.failed > 0) broken.push(`search: ${search.failed} searches were not answered`)
  return overload ? [...broken, ...whatOverloadBroke(overload)] : broken
}

/** The run in the middle. @param by what the runs are put in order by; default throughput. */
export function median(
  runs: readonly MeasuredRun[],
  by = (run: MeasuredRun): number => run.messagesPerSecond,
): MeasuredRun | undefined {
  const sorted = [...runs].sort((a, b) => by(a) - by(b))
  return sorted[Math.floor(sorted.length / 2)]
}

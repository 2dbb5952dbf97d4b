/** Runs the suites one after another, each on a fresh system, and puts the report together. Prints nothing. */
import { appendSuite } from './append/suite.ts'
import { type CatchUpPlan, catchUpSuite } from './catch-up/suite.ts'
import { startDatabase } from './database.ts'
import { type EventStorePlan, eventStoreSuite } from './eventstoredb/suite.ts'
import { type GroupPlan, groupSuite } from './group/suite.ts'
import { type GrowPlan, growSuite } from './grow/suite.ts'
import { type IdlePlan, idleSuite } from './idle/suite.ts'
import { type LivesPlan, type MeasuredRun, measureRelay, measureSystem } from './lives/measure.ts'
import { lookBeside } from './machine/beside.ts'
import { describeMachine, type Machine } from './machine/machine.ts'
import { preloading } from './machine/preload.ts'
import { measureOverload, type OverloadPlan, type OverloadReport } from './overload/measure.ts'
import { projectSuite } from './project/suite.ts'
import { type AppendReport, type BenchReport, type LivesReport, whatBroke } from './report/report.ts'
import type { SuiteReport } from './report/suite-report.ts'
import { measureSearch, type SearchPlan, type SearchReport } from './search/measure.ts'
import { type SoakPlan, soakSuite } from './soak/suite.ts'
import type { Suite } from './suites.ts'
import type { BenchContext, SystemUnderTest } from './system-under-test.ts'

export interface BenchPlan {
  readonly suites: readonly Suite[]
  readonly closed?: LivesPlan
  readonly open?: LivesPlan
  readonly appendSeconds: number
  readonly idle: IdlePlan
  readonly search: SearchPlan
  readonly overload: OverloadPlan
  readonly group: GroupPlan
  readonly catchUp: CatchUpPlan
  readonly projectEvents: number
  readonly grow: GrowPlan
  readonly soak: SoakPlan
  readonly eventStore: EventStorePlan
}

export async function bench(plan: BenchPlan, context: BenchContext): Promise<BenchReport> {
  const startedAt = new Date()
  const ranBeside = lookBeside(process.pid)
  let machine: Machine | undefined
  const meetMachine = async (databaseUrl: string) => {
    machine ??= await describeMachine(databaseUrl)
  }
  let lives: LivesReport | undefined
  let append: AppendReport | undefined
  let search: SearchReport | undefined
  let overload: OverloadReport | undefined

  if (plan.suites.includes('lives')) lives = await livesSuite(plan, context, meetMachine)
  if (plan.suites.includes('append')) {
    const suite = await appendSuite(plan.appendSeconds, context)
    await meetMachine(suite.databaseUrl)
    append = suite.report
  }
  if (plan.suites.includes('search')) {
    const system = await context.startSystem()
    await meetMachine(system.databaseUrl)
    search = await measureSearch(plan.search, system, context.progress)
    await system.stop()
  }
  if (plan.suites.includes('overload')) {
    context.progress('overload: what the system can do')
    const system = await context.startSystem()
    await meetMachine(system.databaseUrl)
    overload = await measureOverload(plan.overload, system, context)
    await system.stop()
  }
  const tables: SuiteReport[] = []
  const onSystem = async (
    measure: (system: SystemUnderTest) => Promise<SuiteReport>,
    settings: NodeJS.ProcessEnv = {},
  ) => {
    const system = await context.startSystem(settings)
    await meetMachine(system.databaseUrl)
    tables.push(await measure(system))
    await system.stop()
  }
  const collecting = preloading('collect-when-told')
  if (plan.suites.includes('idle'))
    await onSystem((system) => idleSuite(plan.idle, system, collecting, context), collecting)
  if (plan.suites.includes('group')) await onSystem((system) => groupSuite(plan.group, system, context))
  if (plan.suites.includes('catch-up'))
    await onSystem((system) => catchUpSuite(plan.catchUp, system, context))
  if (plan.suites.includes('project')) {
    const databaseUrl = await startDatabase(context)
    await meetMachine(databaseUrl)
    tables.push(await projectSuite(plan.projectEvents, databaseUrl, context))
  }
  if (plan.suites.includes('grow')) tables.push(await growSuite(plan.grow, context, meetMachine))
  if (plan.suites.includes('soak'))
    await onSystem((system) => soakSuite(plan.soak, system, context), collecting)
  if (plan.suites.includes('eventstoredb')) {
    const databaseUrl = await startDatabase(context)
    await meetMachine(databaseUrl)
    tables.push(await eventStoreSuite(plan.eventStore, databaseUrl, context))
  }
  if (!machine) throw new Error('no suite was run')
  const beside = ranBeside()
  return {
    machine,
    ...(beside ? { beside } : {}),
    startedAt: startedAt.toISOString(),
    tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    ...(lives ? { lives } : {}),
    ...(append ? { append } : {}),
    ...(search ? { search } : {}),
    ...(overload ? { overload } : {}),
    tables,
    broken: [
      ...whatBroke({
        ...(lives ? { lives } : {}),
        ...(append ? { append } : {}),
        ...(search ? { search } : {}),
        ...(overload ? { overload } : {}),
      }),
      ...tables.flatMap(({ broken }) => broken),
    ],
  }
}

/** The relay before the system and after it: the machine is quicker in one minute than in the next, and the system gets what lies between. */
async function livesSuite(
  { closed, open }: BenchPlan,
  context: BenchContext,
  meetMachine: (databaseUrl: string) => Promise<void>,
): Promise<LivesReport> {
  const relay: MeasuredRun[] = []
  const measureReference = async (plan: LivesPlan, when: 'before' | 'after') => {
    context.progress(`lives: the bare relay, ${when} the system`)
    relay.push(...(await measureRelay(plan, context)))
  }
  if (closed) await measureReference(closed, 'before')
  const system = await context.startSystem()
  await meetMachine(system.databaseUrl)
  const report: { -readonly [K in keyof LivesReport]: LivesReport[K] } = {}
  if (open) {
    context.progress(`lives: at ${'rate' in open.load ? open.load.rate : ''} messages/s`)
    report.open = { plan: open, system: await measureSystem(open, system, 'open', context) }
  }
  if (closed) {
    context.progress('lives: closed loop')
    report.closed = { plan: closed, relay, system: await measureSystem(closed, system, 'closed', context) }
  }
  await system.stop()
  if (closed) await measureReference(closed, 'after')
  return report
}

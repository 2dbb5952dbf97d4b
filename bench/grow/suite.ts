/** `grow`: what a send and an inbox cost behind a long past; the reference is the same system behind ten thousand events. */
import { randomBytes } from 'node:crypto'
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import type { Person } from '../crowd/socket.ts'
import { startPostgres } from '../database.ts'
import type { Percentiles } from '../histogram.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import { EVENTS_OF_A_CIRCLE, type Filled, fill, memberOf, PEOPLE_IN_A_CIRCLE } from './fill.ts'
import type { GrownSystem, GrowSettings, GrowSystem } from './settings.ts'

export interface GrowPlan {
  /** Lengths of the pasts, the reference first. */
  readonly events: readonly number[]
  readonly rounds: number
  readonly sends: number
  readonly reads: number
  /** A quick look shows that nothing is lost, not what it costs. */
  readonly judges: boolean
}

/** Medians and CPU, against the reference. */
const LIMIT = 1.25

interface Grown extends GrownSystem {
  readonly filled: Filled
}

/** @param onDatabase called with the first that runs. */
export async function growSuite(
  { events, judges, ...plan }: GrowPlan,
  context: BenchContext,
  onDatabase: (databaseUrl: string) => Promise<void>,
): Promise<SuiteReport> {
  const masterKey = randomBytes(32)
  const filled: Filled[] = []
  const running: SystemUnderTest[] = []
  const systems: GrowSystem[] = []
  for (const length of events) {
    context.progress(`grow: a past of ${thousands(length)} events`)
    const database = await startPostgres(context)
    await onDatabase(database.url)
    filled.push(await fill(database.url, masterKey, Math.max(2, Math.round(length / EVENTS_OF_A_CIRCLE))))
    const system = await context.startSystem({
      DATABASE_URL: database.url,
      TRIPTICK_MASTER_KEY: masterKey.toString('base64'),
      // The index of words follows at its own pace, hours behind such a past: it would be the load that is measured.
      TRIPTICK_SEARCH: 'off',
    })
    running.push(system)
    const [hot, cold] = await Promise.all([peopleOf(system, 0), peopleOf(system, 1)])
    systems.push({ url: system.url, pids: [system.pid, database.pid], hot, cold })
  }
  context.progress('grow: sends and inboxes, each past in turn')
  const generator = forkBenchChild<Told<readonly GrownSystem[]>>('grow/main.js')
  context.onEnd(generator.stop)
  generator.send({ ...plan, systems } satisfies GrowSettings)
  const told = await generator.next()
  await generator.stop()
  for (const system of running) await system.stop()
  if (told.kind === 'failed') throw new Error(`grow: ${told.reason}`)
  return report(
    told.result.map((one, index) => ({ ...one, filled: filled[index] as Filled })),
    judges,
  )
}

const peopleOf = (system: SystemUnderTest, circle: number): Promise<Person[]> =>
  Promise.all(
    Array.from({ length: PEOPLE_IN_A_CIRCLE }, async (_, index) => {
      const userId = memberOf(circle, index)
      return { userId, token: await system.tokenFor(userId) }
    }),
  )

function report(grown: readonly Grown[], judges: boolean): SuiteReport {
  const [reference, ...longer] = grown as [Grown, ...Grown[]]
  /** A cell for each past, and the ratio of each longer one. */
  const row = (name: string, value: (one: Grown) => number, digits = 2) => [
    name,
    ...grown.map((one) => value(one).toFixed(digits)),
    ...longer.map((one) => (value(one) / value(reference)).toFixed(2)),
  ]
  const percentiles = (name: string, of: (one: Grown) => Percentiles) => [
    row(`${name}, p50`, (one) => of(one).p50),
    row(`${name}, p99`, (one) => of(one).p99),
  ]
  const paired = (one: GrownSystem, of: 'sentMs' | 'inboxMs'): number =>
    middle(one.rounds.map((round, index) => round[of] / (reference.rounds[index]?.[of] ?? Number.NaN)))
  const ratios = longer.map((one) => ({
    one,
    send: paired(one, 'sentMs'),
    inbox: paired(one, 'inboxMs'),
    cpu: cpuOf(one) / cpuOf(reference),
  }))
  return {
    title: `grow · cost of a send and of an inbox behind a long past, ${reference.sentMs.count} of each`,
    rows: [
      [
        'ms',
        ...grown.map(({ filled }) => `${thousands(filled.events)} events`),
        ...longer.map(({ filled }) => `${thousands(filled.events)} ÷`),
      ],
      ...percentiles('send → sent ✓', ({ sentMs }) => sentMs),
      ...percentiles('send → delivered ✓✓', ({ deliveredMs }) => deliveredMs),
      ...percentiles('inbox of 14 conversations', ({ inboxMs }) => inboxMs),
      ...percentiles('cold: send → sent ✓', ({ coldSentMs }) => coldSentMs),
      ...percentiles('cold: inbox', ({ coldInboxMs }) => coldInboxMs),
      ...(reference.cpuMs ? [row('CPU of a message', cpuOf)] : []),
      row('on the disk, MB', ({ filled }) => filled.bytes / 1e6, 0),
    ],
    notes: [
      ...ratios.map(
        ({ one, send, inbox }) =>
          `${thousands(one.filled.events)}: median of the ratios of ${one.rounds.length} rounds: send ${send.toFixed(2)}, inbox ${inbox.toFixed(2)}; filled in ${one.filled.seconds.toFixed(0)} s`,
      ),
      'cold: first touch of a conversation or a person since the past was written, 105 and 15 of them',
    ],
    figures: Object.assign(
      { sends: reference.sentMs.count },
      ...grown.map((one) => figuresOf(one)),
      ...ratios.map(({ one, send, inbox, cpu }) => ({
        [`${one.filled.events}SendRatio`]: send,
        [`${one.filled.events}InboxRatio`]: inbox,
        ...(Number.isFinite(cpu) ? { [`${one.filled.events}CpuRatio`]: cpu } : {}),
      })),
    ),
    broken: [
      ...grown.flatMap(whatBroke),
      ...(judges
        ? ratios.flatMap(({ one, ...all }) =>
            Object.entries(all)
              .filter(([, ratio]) => ratio > LIMIT)
              .map(
                ([what, ratio]) =>
                  `grow: ${what} costs ${ratio.toFixed(2)} times as much behind ${thousands(one.filled.events)} events, ${LIMIT} is allowed`,
              ),
          )
        : []),
    ],
  }
}

const cpuOf = ({ cpuMs }: GrownSystem): number =>
  cpuMs ? cpuMs.api + cpuMs.background + cpuMs.postgres + cpuMs.supervisor : Number.NaN

function figuresOf(one: Grown): Record<string, number> {
  const { sentMs, inboxMs, coldSentMs, coldInboxMs, filled } = one
  const named = {
    SentP50Ms: sentMs.p50,
    SentP99Ms: sentMs.p99,
    InboxP50Ms: inboxMs.p50,
    InboxP99Ms: inboxMs.p99,
    ColdSentP50Ms: coldSentMs.p50,
    ColdInboxP50Ms: coldInboxMs.p50,
    ...(one.cpuMs ? { MessageCpuMs: cpuOf(one) } : {}),
    FilledSeconds: filled.seconds,
    Bytes: filled.bytes,
  }
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [`${filled.events}${name}`, value]))
}

const whatBroke = ({ filled, lost, doubled, outOfOrder, wrongInboxes }: Grown): string[] =>
  lost + doubled + outOfOrder + wrongInboxes === 0
    ? []
    : [
        `grow, ${thousands(filled.events)} events: ${lost} lost, ${doubled} doubled, ${outOfOrder} out of order, ${wrongInboxes} inboxes not whole`,
      ]

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const thousands = (events: number): string =>
  events >= 1e6 ? `${(events / 1e6).toFixed(1)}M` : `${Math.round(events / 1000)}k`

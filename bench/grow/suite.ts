/** `grow`: what a send and an inbox cost behind a long past; the reference is the same system behind ten thousand events. */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import type { Person } from '../crowd/socket.ts'
import type { Percentiles } from '../histogram.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import { EVENTS_OF_A_CIRCLE, memberOf, PEOPLE_IN_A_CIRCLE } from './fill.ts'
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

/** @param onSystem called with the first that runs. */
export async function growSuite(
  { events, judges, ...plan }: GrowPlan,
  context: BenchContext,
  onSystem: (system: SystemUnderTest) => Promise<void>,
): Promise<SuiteReport> {
  context.progress(`grow: pasts of ${events.map(thousands).join(', ')} events`)
  const started: SystemUnderTest[] = []
  const systems: GrowSystem[] = []
  for (const length of events) {
    // The index of words follows at its own pace, hours behind a past like this: it would be the load that is measured.
    const system = await context.startSystem({ TRIPTICK_SEARCH: 'off' })
    started.push(system)
    systems.push(await toBeMeasured(system, Math.max(2, Math.round(length / EVENTS_OF_A_CIRCLE))))
  }
  await onSystem(started[0] as SystemUnderTest)
  const generator = forkBenchChild<Told<readonly GrownSystem[]>>('grow/main.js')
  context.onEnd(generator.stop)
  generator.send({ ...plan, systems } satisfies GrowSettings)
  const told = await generator.next()
  await generator.stop()
  for (const system of started) await system.stop()
  if (told.kind === 'failed') throw new Error(`grow: ${told.reason}`)
  return report(told.result, judges)
}

async function toBeMeasured(system: SystemUnderTest, circles: number): Promise<GrowSystem> {
  const { url, databaseUrl, pid } = system
  const peopleOf = (circle: number): Promise<Person[]> =>
    Promise.all(
      Array.from({ length: PEOPLE_IN_A_CIRCLE }, async (_, index) => {
        const userId = memberOf(circle, index)
        return { userId, token: await system.tokenFor(userId) }
      }),
    )
  // Neither at the beginning of the past nor at its end, where there is room for it.
  const [hot, cold] = [Math.floor((circles - 1) / 3), Math.ceil((2 * (circles - 1)) / 3)]
  return {
    url,
    databaseUrl,
    pid,
    masterKey: system.masterKey.toString('base64'),
    circles,
    hot: await peopleOf(hot),
    cold: await peopleOf(cold),
  }
}

function report(grown: readonly GrownSystem[], judges: boolean): SuiteReport {
  const [reference, ...longer] = grown as [GrownSystem, ...GrownSystem[]]
  /** A cell for each past, and the ratio of each longer one. */
  const row = (name: string, value: (one: GrownSystem) => number, digits = 2) => [
    name,
    ...grown.map((one) => value(one).toFixed(digits)),
    ...longer.map((one) => (value(one) / value(reference)).toFixed(2)),
  ]
  const percentiles = (name: string, of: (one: GrownSystem) => Percentiles) => [
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
        ...grown.map(({ events }) => `${thousands(events)} events`),
        ...longer.map(({ events }) => `${thousands(events)} ÷`),
      ],
      ...percentiles('send → sent ✓', ({ sentMs }) => sentMs),
      ...percentiles('send → delivered ✓✓', ({ deliveredMs }) => deliveredMs),
      ...percentiles('inbox of 14 conversations', ({ inboxMs }) => inboxMs),
      ...percentiles('cold: send → sent ✓', ({ coldSentMs }) => coldSentMs),
      ...percentiles('cold: inbox', ({ coldInboxMs }) => coldInboxMs),
      ...(reference.cpuMs ? [row('CPU of a message', cpuOf)] : []),
      row('on the disk, MB', ({ bytes }) => bytes / 1e6, 0),
    ],
    notes: [
      ...ratios.map(
        ({ one, send, inbox }) =>
          `${thousands(one.events)}: median of the ratios of ${one.rounds.length} rounds: send ${send.toFixed(2)}, inbox ${inbox.toFixed(2)}; filled in ${one.filledSeconds.toFixed(0)} s`,
      ),
      'cold: first touch of a conversation or a person since the past was written, 105 and 15 of them',
    ],
    figures: Object.assign(
      { sends: reference.sentMs.count },
      ...grown.map((one) => figuresOf(one)),
      ...ratios.map(({ one, send, inbox, cpu }) => ({
        [`${one.events}SendRatio`]: send,
        [`${one.events}InboxRatio`]: inbox,
        ...(Number.isFinite(cpu) ? { [`${one.events}CpuRatio`]: cpu } : {}),
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
                  `grow: ${what} costs ${ratio.toFixed(2)} times as much behind ${thousands(one.events)} events, ${LIMIT} is allowed`,
              ),
          )
        : []),
    ],
  }
}

const cpuOf = ({ cpuMs }: GrownSystem): number =>
  cpuMs ? cpuMs.api + cpuMs.background + cpuMs.postgres + cpuMs.supervisor : Number.NaN

function figuresOf(one: GrownSystem): Record<string, number> {
  const { events, sentMs, inboxMs, coldSentMs, coldInboxMs, filledSeconds, bytes } = one
  const named = {
    SentP50Ms: sentMs.p50,
    SentP99Ms: sentMs.p99,
    InboxP50Ms: inboxMs.p50,
    InboxP99Ms: inboxMs.p99,
    ColdSentP50Ms: coldSentMs.p50,
    ColdInboxP50Ms: coldInboxMs.p50,
    ...(one.cpuMs ? { MessageCpuMs: cpuOf(one) } : {}),
    FilledSeconds: filledSeconds,
    Bytes: bytes,
  }
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [`${events}${name}`, value]))
}

const whatBroke = ({ events, lost, doubled, outOfOrder, wrongInboxes }: GrownSystem): string[] =>
  lost + doubled + outOfOrder + wrongInboxes === 0
    ? []
    : [
        `grow, ${thousands(events)} events: ${lost} lost, ${doubled} doubled, ${outOfOrder} out of order, ${wrongInboxes} inboxes not whole`,
      ]

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const thousands = (events: number): string =>
  events >= 1e6 ? `${(events / 1e6).toFixed(1)}M` : `${Math.round(events / 1000)}k`

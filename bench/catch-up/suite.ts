/** `catch-up`: a thousand people come back at once; how soon all are live, and what it costs those who never left. */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import type { Person } from '../crowd/socket.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import type { CatchUpRun, CatchUpSettings } from './settings.ts'

export interface CatchUpPlan {
  readonly people: number
  readonly missed: number
}

/** Their messages are written once and missed by all of them. */
const PEOPLE_IN_A_GROUP = 50
const OTHER_PAIRS = 50
const OTHERS_RATE = 100

export async function catchUpSuite(
  { people, missed }: CatchUpPlan,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<SuiteReport> {
  context.progress(`catch-up: ${people} people miss ${missed} messages each`)
  const person = async (userId: string): Promise<Person> => ({ userId, token: await system.tokenFor(userId) })
  const groups = await Promise.all(
    Array.from({ length: Math.ceil(people / PEOPLE_IN_A_GROUP) }, (_, group) => {
      const away = Math.min(PEOPLE_IN_A_GROUP, people - group * PEOPLE_IN_A_GROUP)
      return Promise.all(Array.from({ length: away + 1 }, (_, index) => person(`back.${group}.${index}`)))
    }),
  )
  const others = await Promise.all(
    Array.from({ length: OTHER_PAIRS }, (_, pair) =>
      Promise.all([person(`other.${pair}.a`), person(`other.${pair}.b`)]),
    ),
  )
  const generator = forkBenchChild<Told<CatchUpRun>>('catch-up/main.js')
  context.onEnd(generator.stop)
  generator.send({ url: system.url, groups, missed, others, rate: OTHERS_RATE } satisfies CatchUpSettings)
  const told = await generator.next()
  await generator.stop()
  if (told.kind === 'failed') throw new Error(`catch-up: ${told.reason}`)

  const { result: run } = told
  const { othersBeforeMs, othersMeanwhileMs } = run
  return {
    title: `catch-up · ${run.people} people with ${missed} missed messages each come back at once`,
    rows: [
      ['', 'p50', 'p99', 'max'],
      ['until all are live, s', '', '', (run.allLiveMs / 1000).toFixed(2)],
      [
        'one person, until live, s',
        ...[run.liveMs.p50, run.liveMs.p99, run.liveMs.max].map((ms) => (ms / 1000).toFixed(2)),
      ],
      [
        'others send → sent before, ms',
        ...[othersBeforeMs.p50, othersBeforeMs.p99, othersBeforeMs.max].map((ms) => ms.toFixed(1)),
      ],
      [
        'others send → sent meanwhile, ms',
        ...[othersMeanwhileMs.p50, othersMeanwhileMs.p99, othersMeanwhileMs.max].map((ms) => ms.toFixed(1)),
      ],
    ],
    notes:
      run.othersRefused > 0 ? [`${run.othersRefused} sends of the others were answered \`overloaded\``] : [],
    figures: {
      othersRefused: run.othersRefused,
      people: run.people,
      missed,
      allLiveMs: run.allLiveMs,
      liveP99Ms: run.liveMs.p99,
      othersBeforeP99Ms: othersBeforeMs.p99,
      othersMeanwhileP99Ms: othersMeanwhileMs.p99,
    },
    broken:
      run.lost + run.doubled + run.outOfOrder === 0
        ? []
        : [`catch-up: ${run.lost} lost, ${run.doubled} doubled, ${run.outOfOrder} out of order`],
  }
}

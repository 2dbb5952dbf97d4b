/** `group`: one message to everybody in a large group, until all have it and until its tick is whole; beside the bare relay. */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import type { Person } from '../crowd/socket.ts'
import { unsignedToken } from '../relay/unsigned-token.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import type { GroupRun, GroupSettings } from './settings.ts'

export interface GroupPlan {
  readonly members: number
  readonly sends: number
}

export async function groupSuite(
  { members, sends }: GroupPlan,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<SuiteReport> {
  const peopleOf = (tokenFor: (userId: string) => Promise<string>): Promise<Person[]> =>
    Promise.all(
      Array.from({ length: members }, async (_, index) => {
        const userId = `group.${index}`
        return { userId, token: await tokenFor(userId) }
      }),
    )
  context.progress(`group: a bare relay with ${members} members`)
  const relay = forkBenchChild<{ url: string }>('relay/main.js')
  context.onEnd(relay.stop)
  const { url } = await relay.next()
  const bare = await run(
    { url, people: await peopleOf(async (id) => unsignedToken(id)), sends, textBytes: 100 },
    context,
  )
  await relay.stop()
  context.progress(`group: ${members} members, ${sends} messages`)
  const ours = await run(
    { url: system.url, people: await peopleOf(system.tokenFor), sends, textBytes: 100 },
    context,
  )

  const row = (name: string, { sentMs, everywhereMs, readByAllMs }: GroupRun) => [
    name,
    ...[sentMs, everywhereMs, readByAllMs].flatMap(({ p50, p99 }) => [p50.toFixed(1), p99.toFixed(1)]),
  ]
  return {
    title: `group · one message to ${members} members, all online, ${sends} times; ms`,
    rows: [
      ['', 'sent p50', 'p99', 'all have it p50', 'p99', 'all have read p50', 'p99'],
      row('bare ws relay, stores nothing', bare),
      row('triptick, each receipt durable', ours),
    ],
    figures: {
      members,
      sends,
      sentP99Ms: ours.sentMs.p99,
      everywhereP99Ms: ours.everywhereMs.p99,
      readByAllP99Ms: ours.readByAllMs.p99,
      bareEverywhereP99Ms: bare.everywhereMs.p99,
      bareReadByAllP99Ms: bare.readByAllMs.p99,
    },
    broken: [...whatBroke('relay', bare), ...whatBroke('triptick', ours)],
  }
}

async function run(settings: GroupSettings, context: BenchContext): Promise<GroupRun> {
  const generator = forkBenchChild<Told<GroupRun>>('group/main.js')
  context.onEnd(generator.stop)
  generator.send(settings)
  const told = await generator.next()
  await generator.stop()
  if (told.kind === 'failed') throw new Error(`group: ${told.reason}`)
  return told.result
}

const whatBroke = (name: string, { lost, doubled, outOfOrder }: GroupRun): string[] =>
  lost + doubled + outOfOrder === 0
    ? []
    : [`group, ${name}: ${lost} lost, ${doubled} doubled, ${outOfOrder} out of order`]

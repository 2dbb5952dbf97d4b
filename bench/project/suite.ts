/** `project`: the read models of a long past, live and rebuilt; the reference is reading that past and doing nothing. */
import { forkBenchChild } from '../child-process.ts'
import type { Told } from '../crowd/process.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext } from '../system-under-test.ts'
import type { ProjectRun, ProjectSettings } from './measure.ts'

export async function projectSuite(
  events: number,
  databaseUrl: string,
  context: BenchContext,
): Promise<SuiteReport> {
  context.progress(`project: a past of ${events} events`)
  const child = forkBenchChild<Told<ProjectRun>>('project/main.js')
  context.onEnd(child.stop)
  child.send({ databaseUrl, events } satisfies ProjectSettings)
  const told = await child.next()
  await child.stop()
  if (told.kind === 'failed') throw new Error(`project: ${told.reason}`)
  const { readPerSecond, livePerSecond, rebuildPerSecond, differing } = told.result
  const row = (name: string, perSecond: number) => [
    name,
    Math.round(perSecond).toLocaleString('en-US'),
    (perSecond / readPerSecond).toFixed(2),
  ]
  return {
    title: `project · ${told.result.events.toLocaleString('en-US')} events of pairs, receipts as ranges`,
    rows: [
      ['', 'events/s', 'ratio'],
      row('reading them, nothing else', readPerSecond),
      row('live projection, from zero', livePerSecond),
      row('rebuild beside it', rebuildPerSecond),
    ],
    figures: { events: told.result.events, readPerSecond, livePerSecond, rebuildPerSecond },
    broken: differing.map((table) => `project: ${table} differs between the live build and the rebuild`),
  }
}

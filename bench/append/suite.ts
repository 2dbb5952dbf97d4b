/** `append`: an embedded Postgres of its own, the plain INSERTs first, then the ledger in several shapes of load. */
import { forkBenchChild } from '../child-process.ts'
import { startDatabase } from '../database.ts'
import type { AppendReport } from '../report/report.ts'
import type { BenchContext } from '../system-under-test.ts'
import type { AppendMessage, AppendOrder } from './main.ts'
import type { AppendRun } from './measure.ts'

/** Many writers of single events are what a busy chat is; a few of large batches show what the disk gives. */
const SHAPES = [
  { writers: 1, eventsPerAppend: 1 },
  { writers: 64, eventsPerAppend: 1 },
  { writers: 512, eventsPerAppend: 1 },
  { writers: 64, eventsPerAppend: 16 },
] as const

export interface AppendSuite {
  readonly report: AppendReport
  readonly databaseUrl: string
}

/** Leaves its Postgres running until the end, so that its version can be asked. */
export async function appendSuite(secondsPerRun: number, context: BenchContext): Promise<AppendSuite> {
  const databaseUrl = await startDatabase(context)
  const writer = forkBenchChild<AppendMessage>('append/main.js')
  context.onEnd(writer.stop)
  const order = async (plan: AppendOrder['plan']) => {
    writer.send({ databaseUrl, plan } satisfies AppendOrder)
    const message = await writer.next()
    if (message.kind === 'failed') throw new Error(`append: ${message.reason}`)
    return message
  }

  context.progress('append: plain INSERTs')
  const plain = await order({ insertsForSeconds: secondsPerRun })
  const runs: AppendRun[] = []
  // Once, uncounted: connections, plans and compiled code.
  await order({ ...SHAPES[1], seconds: Math.min(2, secondsPerRun) })
  for (const shape of SHAPES) {
    context.progress(`append: ${shape.writers} writers × ${shape.eventsPerAppend}`)
    const message = await order({ ...shape, seconds: secondsPerRun })
    if (message.kind === 'appends') runs.push(message.run)
  }
  await writer.stop()
  const plainInsertsPerSecond = plain.kind === 'inserts' ? plain.eventsPerSecond : 0
  return { report: { plainInsertsPerSecond, runs }, databaseUrl }
}

/** The writers of `append` as a process of their own: takes a plan from the process that forked it, and ends with it. */
import { type AppendPlan, type AppendRun, measureAppends, measureInserts } from './measure.ts'

export interface AppendOrder {
  readonly databaseUrl: string
  readonly plan: AppendPlan | { readonly insertsForSeconds: number }
}

export type AppendMessage =
  | { readonly kind: 'appends'; readonly run: AppendRun }
  | { readonly kind: 'inserts'; readonly eventsPerSecond: number }
  | { readonly kind: 'failed'; readonly reason: string }

async function obey({ databaseUrl, plan }: AppendOrder): Promise<AppendMessage> {
  if ('insertsForSeconds' in plan) {
    return { kind: 'inserts', eventsPerSecond: await measureInserts(databaseUrl, plan.insertsForSeconds) }
  }
  return { kind: 'appends', run: await measureAppends(databaseUrl, plan) }
}

process.on('disconnect', () => process.exit())
process.on('message', (order: AppendOrder) => {
  obey(order).then(
    (message) => process.send?.(message),
    (error: unknown) => process.send?.({ kind: 'failed', reason: String(error) } satisfies AppendMessage),
  )
})

/** Measures messages through their three lives: the system and the bare relay, by the same generator, one after the other. */
import { type BenchChild, forkBenchChild } from '../child-process.ts'
import { coresBetween, type ProcessKind, usageUnder } from '../machine/processes.ts'
import { unsignedToken } from '../relay/unsigned-token.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import type { LivesMessage, LivesRun, LivesSettings } from './settings.ts'

export type LivesPlan = Omit<LivesSettings, 'url' | 'people'> & { readonly pairs: number }

export interface MeasuredRun extends LivesRun {
  /** Cores that the system used, by kind of process. */
  readonly cores?: Readonly<Record<ProcessKind, number>>
}

/** @param round makes people of their own, so that runs on one system do not meet. */
export async function measureSystem(
  plan: LivesPlan,
  system: SystemUnderTest,
  round: string,
  context: BenchContext,
): Promise<readonly MeasuredRun[]> {
  return await measure(plan, system.url, round, (userId) => system.tokenFor(userId), context, system.pid)
}

export async function measureRelay(plan: LivesPlan, context: BenchContext): Promise<readonly MeasuredRun[]> {
  const relay = forkBenchChild<{ url: string }>('relay/main.js')
  context.onEnd(relay.stop)
  const { url } = await relay.next()
  const runs = await measure(plan, url, 'relay', async (userId) => unsignedToken(userId), context)
  await relay.stop()
  return runs
}

async function measure(
  { pairs, ...settings }: LivesPlan,
  url: string,
  round: string,
  tokenFor: (userId: string) => Promise<string>,
  context: BenchContext,
  systemPid?: number,
): Promise<readonly MeasuredRun[]> {
  const ids = Array.from({ length: pairs }, (_, pair) => [`${round}.${pair}.a`, `${round}.${pair}.b`]).flat()
  const people = await Promise.all(ids.map(async (userId) => ({ userId, token: await tokenFor(userId) })))
  const generator = forkBenchChild<LivesMessage>('lives/main.js')
  context.onEnd(generator.stop)
  generator.send({ ...settings, url, people } satisfies LivesSettings)
  try {
    return await collect(generator, systemPid)
  } finally {
    await generator.stop()
  }
}

async function collect(generator: BenchChild<LivesMessage>, systemPid?: number): Promise<MeasuredRun[]> {
  const usage = () => (systemPid === undefined ? undefined : usageUnder(systemPid))
  const runs: MeasuredRun[] = []
  let before = usage()
  let began = performance.now()
  while (true) {
    const message = await generator.next()
    switch (message.kind) {
      case 'connected':
        break
      case 'run-begins':
        before = usage()
        began = performance.now()
        break
      case 'run': {
        const after = usage()
        const seconds = (performance.now() - began) / 1000
        const cores = before && after ? { cores: coresBetween(before, after, seconds) } : {}
        runs.push({ ...message.run, ...cores })
        break
      }
      case 'failed':
        throw new Error(`the generator stopped: ${message.reason}`)
      case 'done':
        return runs
      default:
        message satisfies never
    }
  }
}

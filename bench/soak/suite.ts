/**
 * `soak`: pairs at half of what the system can do with such a load, messages that travel alone, for a long time. Whatever a process
 * keeps of each message shows as a line that rises; the reference is the same process when it is warm.
 */
import { type LivesPlan, measureSystem } from '../lives/measure.ts'
import { whatPairsBroke } from '../lives/verdict.ts'
import { type Memory, memoryUnder } from '../machine/processes.ts'
import { measureCapacity } from '../overload/measure.ts'
import type { SuiteReport } from '../report/suite-report.ts'
import type { BenchContext, SystemUnderTest } from '../system-under-test.ts'
import { growthOf, megabytes, whatGrew } from './growth.ts'
import { lookAtLiving } from './living.ts'
import { highestOfEach } from './slope.ts'

export interface SoakPlan extends Pick<LivesPlan, 'textBytes' | 'acks'> {
  readonly pairs: number
  readonly seconds: number
  /** Messages a second that the system can do if each travels alone; measured if absent. */
  readonly capacity?: number
}

/** What is measured. The supervisor does nothing but wait. */
const KINDS = ['api', 'background', 'postgres'] as const
/** Caches fill and the heap finds its size: a quarter of the run, ten minutes at most. */
const WARM_UP_PART = 0.25
const MAX_WARM_UP_SECONDS = 600
/**
 * At 1,000 messages a second 50 MB an hour are 14 bytes a message: less than anything that could be kept of one. The
 * collector moves the line by as much in a few minutes, so that shorter runs say nothing.
 */
const LIMIT_BYTES_PER_HOUR = 50e6
const JUDGED_SECONDS = 30 * 60
/** Longer than V8 goes without a collection of all of its heap: 2 minutes at 700 messages/s. */
const HIGHEST_OF_MINUTES = 3

/** Of what lives: two bytes a message at 1,500 a second. What is in use by chance makes 1 to 3 MB an hour of 20 minutes. */
const LIVING_LIMIT_BYTES_PER_HOUR = 10e6
const LIVING_LOOKS = 5
/** Between the two processes: they are not to stand still together. And before the warm-up ends, and the run. */
const LOOK_SECONDS = 5

/** @param system its processes listen for the collection (`collect-when-told`). */
export async function soakSuite(
  { seconds, ...plan }: SoakPlan,
  system: SystemUnderTest,
  context: BenchContext,
): Promise<SuiteReport> {
  if (plan.capacity === undefined) context.progress('soak: what the system can do')
  const capacity = plan.capacity ?? (await measureCapacity('alone', plan, system, context))
  const rate = Math.max(1, Math.round(capacity / 2))
  context.progress(`soak: ${rate} messages/s for ${(seconds / 60).toFixed(1)} minutes`)

  const warmSeconds = Math.min(seconds * WARM_UP_PART, MAX_WARM_UP_SECONDS)
  const began = performance.now()
  const taken: { readonly hours: number; readonly memory: Memory }[] = []
  const look = () => {
    const memory = memoryUnder(system.pid)
    if (memory) taken.push({ hours: (performance.now() - began) / 3_600_000, memory })
  }
  const looking = setInterval(look, Math.min(2_000, seconds * 50))
  const telling = setInterval(() => {
    const [last] = taken.slice(-1)
    const memory = KINDS.map((kind) => `${kind} ${megabytes(last?.memory[kind] ?? 0)} MB`).join(', ')
    context.progress(`soak: ${((performance.now() - began) / 60_000).toFixed(0)} min, ${memory}`)
  }, 60_000)
  const lives = { ...plan, load: { rate }, warmUpSeconds: 0, runs: 1, secondsPerRun: seconds }
  const over = new AbortController()
  const [firstLook, lastLook] = [warmSeconds - 2 * LOOK_SECONDS, seconds - 2 * LOOK_SECONDS]
  const lookTimes = Array.from(
    { length: LIVING_LOOKS },
    (_, index) => firstLook + (index * (lastLook - firstLook)) / (LIVING_LOOKS - 1),
  )
  const livingApi = lookAtLiving(system.pid, 'api', lookTimes, over.signal)
  const later = lookTimes.map((second) => second + LOOK_SECONDS)
  const livingBackground = lookAtLiving(system.pid, 'background', later, over.signal)
  const [run] = await measureSystem(lives, system, 'soak', context).finally(() => {
    clearInterval(looking)
    clearInterval(telling)
    over.abort()
  })
  if (!run) throw new Error('the soak was not measured')

  const warm = taken.filter(({ hours }) => hours >= warmSeconds / 3600 && hours <= seconds / 3600)
  const resident = KINDS.map((kind) => {
    const otherwise = warm.map(({ hours, memory }) => ({ hours, bytes: memory[kind] }))
    const samples = highestOfEach(HIGHEST_OF_MINUTES / 60, otherwise)
    return growthOf({ name: kind, limit: LIMIT_BYTES_PER_HOUR, samples, atLeast: 2, otherwise })
  })
  const living = { limit: LIVING_LIMIT_BYTES_PER_HOUR, atLeast: LIVING_LOOKS }
  const growths = [
    ...resident,
    growthOf({ name: 'api, what lives', ...living, ...(await livingApi) }),
    growthOf({ name: 'background, what lives', ...living, ...(await livingBackground) }),
  ]
  const { sent, delivered, read } = run.latencyMs
  return {
    title: `soak · ${rate} messages/s (half of ${capacity}) over ${plan.pairs} pairs for ${(seconds / 60).toFixed(1)} minutes`,
    rows: [
      ['memory of its own, MB', 'warm', 'end', 'MB an hour', 'bytes a message'],
      ...growths.map(({ name, first, last, perHour }) => [
        name,
        megabytes(first),
        megabytes(last),
        perHour === undefined ? 'not measured' : megabytes(perHour),
        perHour === undefined ? '' : (perHour / 3600 / rate).toFixed(1),
      ]),
    ],
    notes: [
      `${run.verdict.read} messages read; sent p99 ${sent.p99.toFixed(1)} ms, delivered ${delivered.p99.toFixed(1)} ms, read ${read.p99.toFixed(1)} ms`,
      `the median slope between any two of the highest looks of each ${HIGHEST_OF_MINUTES} minutes, after ${(warmSeconds / 60).toFixed(1)} minutes; without what processes share (the buffers of Postgres)`,
      `what lives: looked at ${LIVING_LOOKS} times, each right after a collection of all garbage that the bench has asked for`,
      ...(seconds < JUDGED_SECONDS ? ['too short to say whether memory stays flat: no verdict on it'] : []),
    ],
    figures: Object.assign(
      { seconds, rate, messages: run.verdict.read, sentP99Ms: sent.p99, readP99Ms: read.p99 },
      ...growths.map(({ name, last, perHour }) => {
        const figure = name.replace(', what lives', 'Living')
        return {
          ...(perHour === undefined ? {} : { [`${figure}BytesPerHour`]: perHour }),
          [`${figure}Bytes`]: last,
        }
      }),
    ),
    broken: [
      ...whatPairsBroke('soak', run.verdict),
      ...(taken.length > 0 ? [] : ['soak: memory of other processes is read from /proc: Linux only']),
      ...(seconds < JUDGED_SECONDS ? [] : whatGrew(growths)),
    ],
  }
}

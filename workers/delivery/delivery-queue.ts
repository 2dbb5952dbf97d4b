/**
 * The queue of people who wait: at most one job for each, whose id is made of the user's. Holds ids, never a body.
 *
 * Outcomes of asking for a job
 * - none is there: it is made.
 * - one waits: nothing.
 * - one runs: nothing while the person cannot be reached. If they can be, it is looked at again in a second: a run that is about to
 *   end has looked before this message, and would wait for its whole pause, or be the last one. If it has ended by then, one is made.
 * - one is delayed and was never tried: it begins now.
 * - one is delayed between two tries: it stays so while the person cannot be reached. If they can be now, it begins now where the
 *   last try reached no device, and otherwise once they have had their rest.
 * - one has given up (kept as a failed job): it begins again after a rest, a short one if the person can be reached now: at once
 *   where that is over, else it is put in for then.
 * Of very many who never connected, and cannot be reached, not all are woken: their tries begin when they are due, after everybody else's.
 */
import type { Job } from 'bullmq'
import type { UserId } from '../../domain/ids.ts'
import type { JobQueue, JobStore } from '../job-store.ts'
import { reachedDevice } from './attempt.ts'
import type { Channel } from './channel.ts'
import type { DeliverySettings } from './settings.ts'
import type { WaitingPerson } from './undelivered.ts'

export const DELIVERY_QUEUE = 'delivery'

export interface DeliveryJob {
  readonly userId: UserId
  /** Of one that rests, and was not tried since: when the one before it gave up. Unix milliseconds. */
  readonly gaveUpAt?: number
}

export interface DeliveryQueue {
  /** These people have just been found waiting. */
  wanted(people: readonly WaitingPerson[]): Promise<void>
  /**
   * These people wait, who knows for how long: only those without a job get one, soon. One that has given up begins again where the
   * person can be reached: a try of anybody else would reach nobody, and what comes next for them wakes it.
   */
  ensured(people: readonly WaitingPerson[]): Promise<void>
  counts(): Promise<Readonly<Record<string, number>>>
}

export interface DeliveryQueueDeps {
  readonly store: Pick<JobStore, 'queue'>
  readonly channels: readonly Channel[]
  readonly settings: Pick<DeliverySettings, 'spreadMs' | 'restMs' | 'backoff'>
}

/** More tries than a job will ever need: how often is the attempt's decision, not BullMQ's. */
const NO_LIMIT = 1_000_000
/** Jobs that gave up keep new messages from starting over at once; a week of them, and no more than Redis can bear. */
const KEEP_EXHAUSTED = { age: 7 * 86_400, count: 100_000 }

/**
 * Of who never connected. Groups of names that nobody has can be made by the hundred; without this their tries, 30 a second where jobs are in
 * Postgres, come before everybody's who was there and went.
 */
const AFTER_ALL_OTHERS = { priority: 1 }

/** Of one look: to wake takes two questions a person, and others are not looked at meanwhile. */
const STRANGERS_WOKEN = 100

const ADDED_AT_ONCE = 1_000
const WOKEN_AT_ONCE = 10
const LOOKED_AT_AGAIN_MS = 1_000

export function createDeliveryQueue({ store, channels, settings }: DeliveryQueueDeps): DeliveryQueue {
  const queue: JobQueue<DeliveryJob> = store.queue<DeliveryJob>(DELIVERY_QUEUE, {
    defaultJobOptions: {
      attempts: NO_LIMIT,
      backoff: { type: 'delivery' },
      removeOnComplete: true,
      removeOnFail: KEEP_EXHAUSTED,
      stackTraceLimit: 1,
    },
  })

  async function add(people: readonly WaitingPerson[], delay: () => number): Promise<void> {
    // In one order everywhere, so that two processes that add the same people do not wait for each other.
    const jobs = people.toSorted(byUserId).map(({ userId, hasConnected }) => ({
      name: 'deliver',
      data: { userId },
      opts: { jobId: jobIdOf(userId), delay: delay(), ...(hasConnected ? {} : AFTER_ALL_OTHERS) },
    }))
    for (let i = 0; i < jobs.length; i += ADDED_AT_ONCE) await queue.addBulk(jobs.slice(i, i + ADDED_AT_ONCE))
  }

  /** Whether there is a job. */
  async function wake({ userId, hasConnected }: WaitingPerson, isReachable: boolean): Promise<boolean> {
    // The job after its state: what is known of a job may be older than its last try, and must not be older than that.
    const state = await queue.getJobState(jobIdOf(userId))
    const job = await queue.getJob(jobIdOf(userId))
    if (state === 'active' && isReachable) lookAgain(userId)
    if (!job) return false
    if (state === 'delayed') await hasten(job, isReachable)
    if (state === 'failed') await beginAgain(job, isReachable)
    // Made before its person had ever connected.
    if (job.priority && (hasConnected || isReachable)) await job.changePriority({ priority: 0 })
    return true
  }

  /** One that has given up. It can't be put off as it is; if it is lost between the two steps, the reconciler makes another. */
  async function beginAgain(job: Job<DeliveryJob, void, string>, isReachable: boolean): Promise<void> {
    const { name, data, priority, finishedOn: gaveUpAt = 0 } = job
    const delay = gaveUpAt + (isReachable ? settings.restMs : settings.backoff.capMs) - Date.now()
    if (delay < 0) return job.retry('failed')
    await job.remove()
    const opts = { jobId: jobIdOf(data.userId), delay, priority }
    await queue.addBulk([{ name, data: { ...data, gaveUpAt }, opts }])
  }

  async function hasten(job: Job<DeliveryJob, void, string>, isReachable: boolean): Promise<void> {
    const since = job.processedOn ?? job.data.gaveUpAt
    // Made by the reconciler, for some time soon: this is sooner.
    if (since === undefined) return job.promote()
    if (!isReachable) return
    // Who was pushed to a moment ago and has not acknowledged is slow, or the system is: another try with every message
    // kept a system that was behind from ever catching up (1,200 commits/s at 1,000 messages/s). So with who was given up.
    const rested = Date.now() - since
    const mustRest = !job.processedOn || reachedDevice(job.failedReason ?? '')
    if (!mustRest || rested > settings.restMs) return job.promote()
    // A pause may be an hour: somebody who is connected waits no longer than the rest.
    if (job.delay > settings.restMs) await job.changeDelay(settings.restMs - rested)
  }

  /** A hint, as all of this: whoever stops meanwhile leaves the person to the pause of their job. */
  function lookAgain(userId: UserId): void {
    const person = { userId, hasConnected: true }
    const look = async () => {
      if (!(await wake(person, true))) await add([person], () => 0)
    }
    setTimeout(() => look().catch(() => {}), LOOKED_AT_AGAIN_MS).unref()
  }

  async function reachableOf(people: readonly WaitingPerson[]): Promise<ReadonlySet<UserId>> {
    const userIds = people.map(({ userId }) => userId)
    const known = await Promise.all(channels.map((channel) => channel.reachable(userIds).catch(() => [])))
    return new Set(known.flat())
  }

  /** A job may have run, or been taken up by another worker, in between: then it needs no waking. */
  async function inTurns(
    people: readonly WaitingPerson[],
    run: (person: WaitingPerson) => Promise<unknown>,
  ): Promise<void> {
    for (let i = 0; i < people.length; i += WOKEN_AT_ONCE) {
      await Promise.allSettled(people.slice(i, i + WOKEN_AT_ONCE).map(run))
    }
  }

  return {
    async wanted(people) {
      await add(people, () => 0)
      const reachable = await reachableOf(people)
      const isKnown = ({ userId, hasConnected }: WaitingPerson) => hasConnected || reachable.has(userId)
      const strangers = people.filter((person) => !isKnown(person)).slice(0, STRANGERS_WOKEN)
      const woken = [...people.filter(isKnown), ...strangers]
      await inTurns(woken, (person) => wake(person, reachable.has(person.userId)))
    },
    async ensured(people) {
      await add(people, () => Math.floor(Math.random() * settings.spreadMs))
      const reachable = await reachableOf(people)
      await inTurns(
        people.filter(({ userId }) => reachable.has(userId)),
        async (person) => {
          // A job between two tries keeps its pace.
          if ((await queue.getJobState(jobIdOf(person.userId))) === 'failed') await wake(person, true)
        },
      )
    },
    counts: () => queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
  }
}

const byUserId = (a: WaitingPerson, b: WaitingPerson): number => (a.userId < b.userId ? -1 : 1)

/** BullMQ refuses ids with a colon and ids that look like a number; a user's may be both. */
export const jobIdOf = (userId: UserId): string => `to-${Buffer.from(userId).toString('base64url')}`

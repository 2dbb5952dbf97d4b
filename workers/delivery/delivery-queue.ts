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
 * - one has given up (kept as a failed job): it begins again after a rest, a short one if the person can be reached now.
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
}

export interface DeliveryQueue {
  /** These people have just been found waiting. */
  wanted(people: readonly WaitingPerson[]): Promise<void>
  /** These people wait, who knows for how long: only those without a job get one, soon. */
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
    const restMs = isReachable ? settings.restMs : settings.backoff.capMs
    if (state === 'failed' && Date.now() - (job.finishedOn ?? 0) > restMs) await job.retry('failed')
    // Made before its person had ever connected.
    if (job.priority && (hasConnected || isReachable)) await job.changePriority({ priority: 0 })
    return true
  }

  async function hasten(job: Job<DeliveryJob, void, string>, isReachable: boolean): Promise<void> {
    // Made by the reconciler, for some time soon: this is sooner.
    if (!job.processedOn) return job.promote()
    if (!isReachable) return
    // Who was pushed to a moment ago and has not acknowledged is slow, or the system is: another try with every message
    // kept a system that was behind from ever catching up (1,200 commits/s at 1,000 messages/s).
    const rested = Date.now() - job.processedOn
    if (!reachedDevice(job.failedReason ?? '') || rested > settings.restMs) return job.promote()
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

  return {
    async wanted(people) {
      await add(people, () => 0)
      const userIds = people.map(({ userId }) => userId)
      const known = await Promise.all(channels.map((channel) => channel.reachable(userIds).catch(() => [])))
      const reachable = new Set(known.flat())
      const isKnown = ({ userId, hasConnected }: WaitingPerson) => hasConnected || reachable.has(userId)
      const strangers = people.filter((person) => !isKnown(person)).slice(0, STRANGERS_WOKEN)
      const woken = [...people.filter(isKnown), ...strangers]
      for (let i = 0; i < woken.length; i += WOKEN_AT_ONCE) {
        const some = woken.slice(i, i + WOKEN_AT_ONCE)
        // A job may have run, or been taken up by another worker, in between: then it needs no waking.
        await Promise.allSettled(some.map((person) => wake(person, reachable.has(person.userId))))
      }
    },
    ensured: (people) => add(people, () => Math.floor(Math.random() * settings.spreadMs)),
    counts: () => queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
  }
}

const byUserId = (a: WaitingPerson, b: WaitingPerson): number => (a.userId < b.userId ? -1 : 1)

/** BullMQ refuses ids with a colon and ids that look like a number; a user's may be both. */
export const jobIdOf = (userId: UserId): string => `to-${Buffer.from(userId).toString('base64url')}`

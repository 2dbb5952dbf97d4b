/**
 * One try to reach one person. Owns the order of the steps; knows no queue, no socket and no body.
 *
 *   1. look      what waits for this person, in the read models
 *   2. push      through the channels, until one reaches a device
 *   3. record    each try, in every conversation that was waiting
 *   4. decide    delivered, again later, or given up: each conversation by itself, and the job with the last of them
 *
 * The life of a person's job; everything but the job itself is in the ledger, so a lost job begins again where it stood:
 *
 *   (nothing) ──a message waits longer than the grace period──▶ waiting ──▶ trying ──nothing waits──▶ (nothing)
 *                                                                  ▲           │
 *                        backoff over, or the person is back       └──delayed◀─┤ something waits
 *                                                                              │
 *   (nothing) ◀──days later── exhausted ◀──something waits after the last try──┘
 *                                 └──a message waits, and the person is back──▶ waiting
 *
 * A conversation that was given up waits no more (`undelivered.of`) until it has something new. If the least tried one decided for
 * all, somebody with a new conversation every now and then would never be given up, and each would go on getting a fact at every try.
 *
 * A try is recorded even if its acknowledgement overtakes step 3: it is why the acknowledgement came.
 *
 * Where it cannot be recorded (a conversation with an event that this program does not understand, say), that conversation goes on
 * waiting, and the others are decided without it: a job that failed for it would try for ever, with a fact in each of the
 * others at every try.
 */
import type { ConversationId, Seq, UserId } from '../../domain/ids.ts'
import type { Channel, Push } from './channel.ts'
import type { Recorder } from './recorder.ts'
import { backoffMs, type DeliverySettings } from './settings.ts'
import type { Undelivered, WaitingRange } from './undelivered.ts'

export type AttemptResult =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly inMs: number; readonly why: string }
  | { readonly kind: 'exhausted'; readonly attempts: number }

export interface AttemptDeps {
  readonly undelivered: Pick<Undelivered, 'of'>
  readonly channels: readonly Channel[]
  readonly recorder: Recorder
  readonly settings: Pick<DeliverySettings, 'backoff' | 'maxAttempts'>
  onPush(channel: Channel['name'], outcome: Push['outcome']): void
  /** In this one; in others the same try could be. */
  onUnrecorded(conversationId: ConversationId, error: unknown): void
}

/** A person may wait in a thousand groups; the ledger takes this many appends of one job at once. */
const RECORDED_AT_ONCE = 20

interface Waiting extends WaitingRange {
  /** Absent: this try could not be recorded. */
  readonly tried?: { readonly attempt: number; readonly toSeq: Seq }
}

/** Rejects when the read models do not answer, or no try could be recorded anywhere; trying again is harmless. */
export async function attemptDelivery(userId: UserId, deps: AttemptDeps): Promise<AttemptResult> {
  const { undelivered, channels, recorder, settings } = deps

  // 1. Look.
  const looked = await undelivered.of(userId)
  if (looked.length === 0) return { kind: 'delivered' }

  let waiting: readonly Waiting[] = looked
  let isRecorded = false
  let last: Push = { outcome: 'offline' }
  for (const channel of channels) {
    // 2. Push.
    last = await channel.push(userId)
    deps.onPush(channel.name, last.outcome)

    // 3. Record.
    const tried = { userId, channel: channel.name, ...last }
    const failures: { conversationId: ConversationId; error: unknown }[] = []
    waiting = await inTurns<Waiting, Waiting>(waiting, async ({ conversationId, fromSeq, toSeq }) => {
      const range = { conversationId, fromSeq, toSeq }
      try {
        const { attempt, pending } = await recorder.attempt(conversationId, { fromSeq, toSeq, ...tried })
        isRecorded = true
        return pending ? [{ conversationId, ...pending, tried: { attempt, toSeq } }] : []
      } catch (error) {
        failures.push({ conversationId, error })
        return [range]
      }
    })
    if (!isRecorded) throw failures[0]?.error
    for (const { conversationId, error } of failures) deps.onUnrecorded(conversationId, error)
    if (last.outcome === 'pushed' || waiting.length === 0) break
  }

  // 4. Decide, by those that are known. Of those that have tries left, the one that waits for the shortest time sets the pace.
  if (waiting.length === 0) return (await somethingNew(looked, userId, deps)) ?? { kind: 'delivered' }
  const known = waiting.flatMap(({ conversationId, tried }) => (tried ? [{ conversationId, ...tried }] : []))
  if (known.length === 0) {
    return { kind: 'again', inMs: backoffMs(settings.backoff, 1), why: 'the attempt could not be recorded' }
  }
  const spent = known.filter((one) => one.attempt >= settings.maxAttempts)
  const left = known.filter((one) => one.attempt < settings.maxAttempts)
  await inTurns(spent, async ({ conversationId, toSeq }) => {
    await recorder.exhausted(conversationId, userId, toSeq)
    return []
  })
  if (left.length === 0) {
    const attempts = Math.max(...spent.map((one) => one.attempt))
    return (await somethingNew(looked, userId, deps)) ?? { kind: 'exhausted', attempts }
  }
  const attempt = Math.min(...left.map((one) => one.attempt))
  return { kind: 'again', inMs: backoffMs(settings.backoff, attempt), why: describe(last, attempt, settings) }
}

/**
 * A message of another conversation that came while this job was running found the job there, and made none. Of the same conversation it is not asked:
 * where many write there is always a newer one, and the job would never end, with a fact at every try.
 */
async function somethingNew(
  looked: readonly WaitingRange[],
  userId: UserId,
  { undelivered, settings }: AttemptDeps,
): Promise<AttemptResult | undefined> {
  const now = await undelivered.of(userId)
  const known = new Set(looked.map(({ conversationId }) => conversationId))
  if (now.every(({ conversationId }) => known.has(conversationId))) return undefined
  return { kind: 'again', inMs: backoffMs(settings.backoff, 1), why: 'something new waits' }
}

/** Whether the try that ended with this `why` reached a device: not if nobody was there, or nobody could tell. */
export const reachedDevice = (why: string): boolean => why.startsWith('pushed' satisfies Push['outcome'])

const describe = (push: Push, attempt: number, { maxAttempts }: AttemptDeps['settings']): string =>
  `${push.outcome === 'failed' ? push.error : push.outcome}, attempt ${attempt} of ${maxAttempts}`

async function inTurns<T, U>(items: readonly T[], run: (item: T) => Promise<readonly U[]>): Promise<U[]> {
  const results: U[] = []
  for (let i = 0; i < items.length; i += RECORDED_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(i, i + RECORDED_AT_ONCE).map(run))).flat())
  }
  return results
}

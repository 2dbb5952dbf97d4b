/**
 * Watches messages being sent and asks for jobs for those who have not acknowledged when the grace period is over. Only a
 * hint: what it misses (a crash, a full memory) the reconciler finds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConversationId, Millis } from '../../domain/ids.ts'
import type { Ledger, Position, RecordedEvent } from '../../ledger/ledger.ts'
import { conversationOf, MESSAGE_PREFIXES } from '../../ledger/streams.ts'
import type { Logger } from '../../runtime/logging.ts'
import type { DeliveryQueue } from './delivery-queue.ts'
import type { DeliverySettings } from './settings.ts'
import type { Undelivered } from './undelivered.ts'

export interface ReactorDeps {
  readonly ledger: Pick<Ledger, 'subscribe'>
  readonly undelivered: Pick<Undelivered, 'in' | 'waitFor'>
  readonly queue: Pick<DeliveryQueue, 'wanted'>
  readonly settings: Pick<DeliverySettings, 'graceMs'>
  readonly log: Logger
}

/** A message whose recipients are looked at when its time has come. Later ones of its conversation only move `last`. */
interface Watched {
  readonly first: Sent
  last: Sent
}

interface Sent {
  /** By this process's clock. */
  readonly dueAt: number
  /** By the clock of whoever recorded it. */
  readonly at: Millis
  readonly position: Position
}

/** About 30 MB. Beyond it, whoever is not watched waits for the reconciler. */
const MAX_WATCHED = 100_000
const MAX_LOOK = 500
/** A projection that is further behind will be looked at again. */
const PROJECTION_PATIENCE_MS = 2_000
/** The ledger retries what passes by itself; what it throws may be thrown again at once. */
const FOLLOW_PAUSE_MS = 1_000

export function startReactor({ ledger, undelivered, queue, settings, log }: ReactorDeps): {
  stop(): Promise<void>
} {
  const stopping = new AbortController()
  // Fine enough that the grace period is what it says, coarse enough that many conversations share a question.
  const tickMs = Math.max(10, Math.min(200, settings.graceMs / 10))
  /**
   * In the order of their time, because everybody's grace is the same; only a further message of a busy conversation may
   * stand behind younger ones, and is looked at up to one grace period late.
   */
  let watched = new Map<ConversationId, Watched>()

  function watch(event: RecordedEvent): void {
    const conversationId = conversationOf(event.stream)
    if (event.type !== 'MessageSent' || conversationId === undefined) return
    const at = Number(event.metadata.recordedAt) as Millis
    // It parks its conversation, and no question about others may stand or fall with it.
    if (!Number.isSafeInteger(at)) return
    const sent: Sent = { dueAt: performance.now() + settings.graceMs, at, position: event.position }
    const entry = watched.get(conversationId)
    if (entry) entry.last = sent
    else if (watched.size < MAX_WATCHED) watched.set(conversationId, { first: sent, last: sent })
  }

  async function follow(): Promise<void> {
    const { signal } = stopping
    const paceMs = tickMs
    for await (const step of ledger.subscribe({ after: 'end', prefixes: MESSAGE_PREFIXES, paceMs, signal })) {
      if (step.kind === 'events') for (const event of step.events) watch(event)
    }
  }

  /** From the end of the ledger anew, where something there cannot be followed: what it misses is found by the reconciler. */
  async function followOn(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await follow()
      } catch (error) {
        log.error({ err: error }, 'new messages are followed anew, from now on, in a second')
      }
      await sleep(FOLLOW_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }

  /** Takes out those whose time has come; messages that came later begin a time of their own. */
  function takeDue(): Map<ConversationId, Sent> {
    const due = new Map<ConversationId, Sent>()
    const now = performance.now()
    for (const [conversationId, { first, last }] of watched) {
      if (first.dueAt > now || due.size >= MAX_LOOK) break
      due.set(conversationId, first)
      watched.delete(conversationId)
      if (last !== first) watched.set(conversationId, { first: last, last })
    }
    return due
  }

  async function look(due: ReadonlyMap<ConversationId, Sent>): Promise<void> {
    const sent = [...due.values()]
    const position = sent.reduce((max, one) => (one.position > max ? one.position : max), 0n as Position)
    if (!(await undelivered.waitFor(position, PROJECTION_PATIENCE_MS)))
      throw new Error('the read models are behind')
    const olderThan = (Math.max(...sent.map(({ at }) => at)) + 1) as Millis
    await queue.wanted(await undelivered.in([...due.keys()], olderThan))
  }

  /** Back to the front, so that the order of times holds. */
  function putBack(due: ReadonlyMap<ConversationId, Sent>): void {
    const merged = new Map<ConversationId, Watched>()
    for (const [conversationId, first] of due) {
      merged.set(conversationId, { first, last: watched.get(conversationId)?.last ?? first })
    }
    for (const [conversationId, entry] of watched) {
      if (!merged.has(conversationId)) merged.set(conversationId, entry)
    }
    watched = merged
  }

  let looking: Promise<void> | undefined
  let pauseUntil = 0
  const timer = setInterval(() => {
    if (looking || performance.now() < pauseUntil) return
    const due = takeDue()
    if (due.size === 0) return
    looking = look(due)
      .catch((error: unknown) => {
        log.warn(
          { err: error, conversations: due.size },
          'undelivered messages are looked for again in a second',
        )
        putBack(due)
        pauseUntil = performance.now() + 1_000
      })
      .finally(() => {
        looking = undefined
      })
  }, tickMs)
  const following = followOn()

  return {
    async stop() {
      clearInterval(timer)
      stopping.abort()
      await following
      await looking
    },
  }
}

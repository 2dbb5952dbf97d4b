/**
 * Sees to it that temporary bodies are gone within seconds of being due, and that the ledger says so. Three loops that do not wait
 * for each other: whatever keeps one of them busy, or does not answer it, keeps no body alive that another would destroy.
 *
 *   overdue     each second, without the read models
 *     1. what is past its time
 *     2. vacuum: so that dead rows, also those of the other loops, do not lie about
 *   delivered   each second, by the read models
 *     1. what everybody has, in the conversations that have moved
 *     2. sweep, at the start and now and then: sealings that became no message, bodies of deleted messages
 *   record      `MessageExpired` for each that is destroyed; only then is its row forgotten
 *
 * Keeps nothing that matters in memory: killed anywhere, it, or another process beside it, goes on from the rows.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { ConversationId, Millis } from '../../domain/ids.ts'
import type { ExpiryReason } from '../../domain/retention.ts'
import type { CommandHandler } from '../../ledger/handle-command.ts'
import { BEGINNING } from '../../ledger/ledger.ts'
import { projectedPosition } from '../../projections/queries/projected-position.ts'
import type { Logger } from '../../runtime/logging.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import {
  destroyDelivered,
  destroyOverdue,
  forget,
  type GoneBody,
  goneBodies,
  movedSince,
  sweep,
  vacuum,
} from './due-bodies.ts'
import type { RetentionSettings } from './settings.ts'

export interface RetentionDeps {
  readonly pool: pg.Pool
  readonly handler: Pick<CommandHandler, 'converse'>
  readonly settings: RetentionSettings
  readonly metrics: Pick<Metrics, 'counter'>
  readonly log: Logger
}

/** Of one command: half of what one append takes. */
const EXPIRED_AT_ONCE = 200
/** Of one statement: it walks over all their members, 1,024 each at most. */
const CONVERSATIONS_AT_ONCE = 50
/** Vacuuming takes a share of the time at most: a large table is vacuumed less often. */
const VACUUM_SHARE = 1 / 20
const VACUUM_PAUSE_MS = 2_000

export function startRetention(deps: RetentionDeps): { stop(): Promise<void> } {
  const { pool, handler, settings, log } = deps
  const destroyedTotal = deps.metrics.counter(
    'triptick_temporary_bodies_destroyed_total',
    'Temporary bodies that were destroyed.',
    ['reason'],
  )
  const stopping = new AbortController()
  const { signal } = stopping
  let deliveredSince = BEGINNING
  let sweepAt = 0
  let vacuumAt = 0
  let dead = false

  function count(destroyed: readonly ExpiryReason[]): void {
    for (const reason of destroyed) destroyedTotal.inc({ reason })
    if (destroyed.length > 0) dead = true
  }

  async function overdue(): Promise<void> {
    // 1. What is past its time.
    for (let full = true; full && !signal.aborted; ) {
      const destroyed = await destroyOverdue(pool, Date.now() as Millis, settings.page)
      count(destroyed)
      full = destroyed.length === settings.page
    }
    // 2. Vacuum.
    if (dead && performance.now() >= vacuumAt) {
      const begun = performance.now()
      dead = false
      await vacuum(pool)
      const took = performance.now() - begun
      vacuumAt = performance.now() + Math.max(VACUUM_PAUSE_MS, took / VACUUM_SHARE)
    }
  }

  async function delivered(): Promise<void> {
    // 1. What everybody has. Whatever fails in the middle is looked at again, though nothing has moved since.
    const upTo = await projectedPosition(pool)
    const moved = await movedSince(pool, deliveredSince)
    for (let from = 0; from < moved.length && !signal.aborted; from += CONVERSATIONS_AT_ONCE) {
      await destroyDeliveredIn(moved.slice(from, from + CONVERSATIONS_AT_ONCE))
    }
    deliveredSince = upTo
    // 2. Sweep.
    if (performance.now() >= sweepAt) {
      if ((await sweep(pool, settings.page, signal)) > 0) dead = true
      sweepAt = performance.now() + settings.sweepMs
      // A conversation that was parked and freed has moved at positions from before: all are looked at again.
      deliveredSince = BEGINNING
    }
  }

  async function destroyDeliveredIn(some: readonly ConversationId[]): Promise<void> {
    for (let more = true; more && !signal.aborted; ) {
      const { destroyed, full } = await destroyDelivered(pool, some, settings.page)
      count(destroyed)
      more = full
    }
  }

  async function record(): Promise<void> {
    // Those that can't be recorded now do not stand before the others; the next look tries again.
    const failed = new Set<ConversationId>()
    for (let full = true; full && !signal.aborted; ) {
      const gone = await goneBodies(pool, settings.page, [...failed])
      await forgetThose(gone.filter(({ recordable }) => !recordable))
      const recordable = byConversation(gone.filter((body) => body.recordable))
      await Promise.all(
        [...recordable].map(async ([conversationId, messages]) => {
          if (!(await recordIn(conversationId, messages))) failed.add(conversationId)
        }),
      )
      full = gone.length === settings.page
    }
  }

  /** Whether the ledger now says of all of them that they are gone. */
  async function recordIn(conversationId: ConversationId, messages: readonly GoneBody[]): Promise<boolean> {
    for (let from = 0; from < messages.length; from += EXPIRED_AT_ONCE) {
      const some = messages.slice(from, from + EXPIRED_AT_ONCE)
      const answer = await handler.converse(conversationId, {
        type: 'expire',
        at: Date.now() as Millis,
        messages: some,
        envelope: { commandId: randomUUID(), actorId: 'system', actorKind: 'system' },
      })
      if (answer.kind !== 'done') {
        log.warn({ conversationId, answer: answer.kind }, 'an expiry could not be recorded yet')
        return false
      }
      await forgetThose(some)
    }
    return true
  }

  async function forgetThose(bodies: readonly GoneBody[]): Promise<void> {
    await forget(pool, bodies)
    if (bodies.length > 0) dead = true
  }

  async function again(work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      const begun = performance.now()
      let pauseMs = settings.lookMs
      try {
        await work()
      } catch (err) {
        // At the very first start there are no read models yet, which only `overdue` does without.
        log.warn({ err }, 'due bodies are looked for again in a moment')
        pauseMs = settings.againMs
      }
      const took = performance.now() - begun
      await sleep(Math.max(pauseMs - took, settings.lookMs / 5), undefined, { signal }).catch(() => {})
    }
  }

  const finished = Promise.all([again(overdue), again(delivered), again(record)])
  return {
    async stop() {
      stopping.abort()
      await finished
    },
  }
}

function byConversation(bodies: readonly GoneBody[]): ReadonlyMap<ConversationId, readonly GoneBody[]> {
  const groups = new Map<ConversationId, GoneBody[]>()
  for (const body of bodies) {
    const known = groups.get(body.conversationId)
    if (known) known.push(body)
    else groups.set(body.conversationId, [body])
  }
  return groups
}

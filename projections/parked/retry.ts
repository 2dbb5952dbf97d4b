/**
 * Takes a parked conversation up again: applies its events in order, a page in each transaction, however many have come since. A
 * running engine may go on parking events of it meanwhile; the row lock on `parked_conversations` puts the two one after the
 * other, and an engine that comes second finds the conversation freed and applies the event (`../engine/parking.ts`). Killed
 * between two pages, it leaves the conversation parked for the next event, and is simply run again.
 */
import type { Ledger, RecordedEvent } from '../../ledger/ledger.ts'
import { classify, describePoison } from '../engine/failures.ts'
import { foldRecorded } from '../engine/fold-events.ts'
import type { Session } from '../engine/session.ts'
import { applyFolded } from '../engine/write-batch.ts'
import { emptyBatch } from '../fold/batch.ts'
import type { ParkedEvent } from './list.ts'
import { NOTE_FREED } from './note-freed.ts'

/**
 * - `freed`: all its events are applied, and it is parked no more.
 * - `stopped`: the events before this one are applied; it and the later ones stay parked.
 * - `not-parked`
 */
export type RetryOutcome =
  | { readonly kind: 'freed'; readonly applied: number }
  | { readonly kind: 'stopped'; readonly applied: number; readonly at: ParkedEvent; readonly reason: string }
  | { readonly kind: 'not-parked' }

/** A rebuild that swaps the tables waits until this is done, or is waited for (`../rebuild/swap.ts`). */
export const HOLD_OFF_SWAP = {
  name: 'hold off a swap',
  text: 'LOCK TABLE read.checkpoints IN ROW EXCLUSIVE MODE',
}

const LOCK = {
  name: 'lock parked conversation',
  text: 'SELECT position FROM read.parked_conversations WHERE conversation_id = $1 FOR UPDATE',
}
/** One more than a page, which is where the next one begins. */
const EVENTS = {
  name: 'parked events to retry',
  text: `
    SELECT position, stream, revision, event_id AS "eventId", type
    FROM read.parked_events WHERE conversation_id = $1 ORDER BY position LIMIT $2`,
}
const SAVEPOINT = { name: 'savepoint of a retry', text: 'SAVEPOINT retry' }
const RELEASE_SAVEPOINT = { name: 'release the savepoint of a retry', text: 'RELEASE SAVEPOINT retry' }
const BACK_TO_SAVEPOINT = { name: 'back to the savepoint of a retry', text: 'ROLLBACK TO SAVEPOINT retry' }
const UNPARK_EVENT = {
  name: 'unpark event',
  text: 'DELETE FROM read.parked_events WHERE conversation_id = $1 AND position = $2',
}
const UNPARK_CONVERSATION = {
  name: 'unpark conversation',
  text: 'DELETE FROM read.parked_conversations WHERE conversation_id = $1',
}
const STAY_PARKED = {
  name: 'stay parked',
  text: 'UPDATE read.parked_conversations SET position = $2, reason = $3 WHERE conversation_id = $1',
}

/** Events of one transaction: bounds what it holds in memory, and for how long an engine that parks more waits for it. */
const PAGE = 500

export async function retryParked(
  session: Session,
  ledger: Ledger,
  conversationId: string,
): Promise<RetryOutcome> {
  for (let applied = 0; ; ) {
    const page = await retryPage(session, ledger, conversationId)
    switch (page.kind) {
      case 'more':
        applied += page.applied
        break
      case 'not-parked':
        // Freed by somebody else, between two pages of this one.
        return applied === 0 ? page : { kind: 'freed', applied }
      case 'freed':
      case 'stopped':
        return { ...page, applied: applied + page.applied }
      default:
        return page satisfies never
    }
  }
}

type PageOutcome = RetryOutcome | { readonly kind: 'more'; readonly applied: number }
type Drained = Exclude<PageOutcome, { readonly kind: 'not-parked' }>

async function retryPage(session: Session, ledger: Ledger, conversationId: string): Promise<PageOutcome> {
  let outcome: PageOutcome = { kind: 'not-parked' }
  await session.transaction(async () => {
    await session.query(HOLD_OFF_SWAP)
    const { rows } = await session.query<{ position: string }>(LOCK, [conversationId])
    const [parked] = rows
    if (!parked) return false
    const drained = await drain(session, ledger, conversationId)
    if (drained.applied > 0) await session.query(NOTE_FREED, [conversationId, parked.position])
    outcome = drained
    return true
  })
  return outcome
}

async function drain(session: Session, ledger: Ledger, conversationId: string): Promise<Drained> {
  const { rows } = await session.query<Omit<ParkedEvent, 'position'> & { position: string }>(EVENTS, [
    conversationId,
    PAGE + 1,
  ])
  let applied = 0
  for (const row of rows) {
    const parked = { ...row, position: BigInt(row.position) as ParkedEvent['position'] }
    if (applied === PAGE) {
      await session.query(STAY_PARKED, [
        conversationId,
        parked.position,
        'not tried yet: a retry was under way',
      ])
      return { kind: 'more', applied }
    }
    await session.query(SAVEPOINT)
    try {
      await apply(session, await find(ledger, parked))
    } catch (error) {
      if (classify(error) !== 'poison') throw error
      await session.query(BACK_TO_SAVEPOINT)
      const reason = describePoison(error)
      await session.query(STAY_PARKED, [conversationId, parked.position, reason])
      return { kind: 'stopped', applied, at: parked, reason }
    }
    await session.query(RELEASE_SAVEPOINT)
    await session.query(UNPARK_EVENT, [conversationId, parked.position])
    applied++
  }
  await session.query(UNPARK_CONVERSATION, [conversationId])
  return { kind: 'freed', applied }
}

async function apply(session: Session, event: RecordedEvent): Promise<void> {
  const batch = emptyBatch()
  foldRecorded(batch, event)
  await applyFolded(session, 'read', { batch, parking: { begun: [], events: [] } })
}

async function find(ledger: Ledger, { stream, revision, position }: ParkedEvent): Promise<RecordedEvent> {
  for await (const event of ledger.readStream(stream, { from: revision, limit: 1 })) {
    if (event.position === position) return event
  }
  throw new Error(`the ledger has no event at ${stream}@${revision} with position ${position}`)
}

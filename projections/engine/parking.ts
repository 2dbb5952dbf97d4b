/**
 * Poison events: each parks its conversation, and every later event of it, so that the others go on and the order within
 * the conversation survives. `triptick parked retry` takes them up again (`../parked/`).
 */
import type { Position, RecordedEvent } from '../../ledger/ledger.ts'
import { numbers, plain, written } from '../../runtime/array-literals.ts'
import { perSchema } from '../fold/per-schema.ts'
import type { ReadSchema } from '../schema.ts'
import { EngineStopped } from './failures.ts'
import type { Session } from './session.ts'

/**
 * Beyond this something is wrong with more than a few events: better to stop than to fall silent bit by bit. How many events one
 * of them parks says nothing of the kind: it is as many as its people go on to write, and must not stop everybody else.
 */
export const MAX_PARKED_CONVERSATIONS = 100

/** What a batch adds to the parked. */
export interface Parking {
  /** Conversations whose first bad event is in this batch. */
  readonly begun: readonly {
    readonly conversationId: string
    readonly position: Position
    readonly reason: string
  }[]
  readonly events: readonly { readonly conversationId: string; readonly event: RecordedEvent }[]
}

const beginParking = perSchema((schema) => ({
  name: `${schema}: park conversations`,
  text: `
    INSERT INTO ${schema}.parked_conversations (conversation_id, position, reason)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])`,
}))

const parkEvents = perSchema((schema) => ({
  name: `${schema}: park events`,
  text: `
    INSERT INTO ${schema}.parked_events (conversation_id, position, stream, revision, event_id, type)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::text[], $6::text[])`,
}))

/** Waits for a retry that is draining one of them; whoever is drained then is no longer among them. */
const stillParked = perSchema((schema) => ({
  name: `${schema}: conversations still parked`,
  text: `
    SELECT conversation_id FROM ${schema}.parked_conversations WHERE conversation_id = ANY ($1) FOR KEY SHARE`,
}))

const parkedNow = perSchema((schema) => ({
  name: `${schema}: parked conversations`,
  text: `SELECT conversation_id FROM ${schema}.parked_conversations`,
}))

/** Those that are parked in the tables. */
export async function parkedIn(session: Session, schema: ReadSchema): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ conversation_id: string }>(parkedNow(schema))
  return new Set(rows.map((row) => row.conversation_id))
}

/** Within the transaction of the batch. Answers the conversations that a person has freed since, and then writes nothing. */
export async function park(
  session: Session,
  schema: ReadSchema,
  parking: Parking,
): Promise<readonly string[]> {
  const { begun, events } = parking
  if (events.length === 0) return []
  const begunNow = new Set(begun.map(({ conversationId }) => conversationId))
  const before = [...new Set(events.map(({ conversationId }) => conversationId))].filter(
    (id) => !begunNow.has(id),
  )
  if (before.length > 0) {
    const { rows } = await session.query<{ conversation_id: string }>(stillParked(schema), [before])
    const still = new Set(rows.map((row) => row.conversation_id))
    const freed = before.filter((id) => !still.has(id))
    if (freed.length > 0) return freed
  }
  await session.query(beginParking(schema), [
    written(begun, (one) => one.conversationId),
    numbers(begun, (one) => one.position),
    written(begun, (one) => one.reason),
  ])
  await session.query(parkEvents(schema), [
    written(events, (one) => one.conversationId),
    numbers(events, ({ event }) => event.position),
    written(events, ({ event }) => event.stream),
    numbers(events, ({ event }) => event.revision),
    plain(events, ({ event }) => event.id),
    written(events, ({ event }) => event.type),
  ])
  return []
}

/**
 * What is parked, in memory, shared by the lanes of an engine. Changed only after the transaction that says the same. One that a
 * person has freed stays until something is said in it, or until there are too many.
 */
export interface ParkedConversations {
  has(conversationId: string): boolean
  add(parking: Parking): void
  free(conversationIds: readonly string[]): void
  /**
   * Whether `more` may be parked. Before it refuses, it looks at what is `stored`, and forgets those freed.
   * @throws EngineStopped
   */
  refuseBeyondLimit(more: number, stored: () => Promise<ReadonlySet<string>>): Promise<void>
}

export function createParkedConversations(stored: Iterable<string>): ParkedConversations {
  /** Each with a mark of its own, which tells it from itself parked again. */
  const conversations = new Map<string, symbol>()
  const remember = (conversationId: string) => conversations.set(conversationId, Symbol())
  for (const conversationId of stored) remember(conversationId)
  const isBeyond = (more: number) => conversations.size + more > MAX_PARKED_CONVERSATIONS

  return {
    has: (conversationId) => conversations.has(conversationId),
    add(parking) {
      for (const { conversationId } of parking.begun) remember(conversationId)
    },
    free(conversationIds) {
      for (const conversationId of conversationIds) conversations.delete(conversationId)
    },
    async refuseBeyondLimit(more, look) {
      if (!isBeyond(more)) return
      const before = [...conversations]
      const parked = await look()
      for (const [conversationId, mark] of before) {
        // While we looked, its lane may have found it freed and parked it for another event.
        const isSame = conversations.get(conversationId) === mark
        if (isSame && !parked.has(conversationId)) conversations.delete(conversationId)
      }
      if (!isBeyond(more)) return
      throw new EngineStopped(
        'too-many-parked',
        `more than ${MAX_PARKED_CONVERSATIONS} conversations would be parked: see \`npx triptick parked list\`, then retry or skip, and start again`,
      )
    },
  }
}
